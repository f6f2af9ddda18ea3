use super::*;

fn write(folder: &Path, name: &str, content: &[u8]) {
    let path = folder.join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, content).unwrap();
}

/// A file with tensors of these shapes and no data.
fn safetensors(shapes: &[&str]) -> Vec<u8> {
    let tensors: Vec<String> = shapes
        .iter()
        .enumerate()
        .map(|(number, shape)| {
            format!(r#""t{number}":{{"dtype":"F16","shape":{shape},"data_offsets":[0,0]}}"#)
        })
        .collect();
    let header = format!(
        r#"{{"__metadata__":{{"format":"pt"}},{}}}"#,
        tensors.join(",")
    );
    [&(header.len() as u64).to_le_bytes(), header.as_bytes()].concat()
}

fn read(path: &Path) -> ModelFacts {
    read_model_files(path, u64::MAX, Timestamp(7)).unwrap()
}

#[test]
fn a_folder_is_counted_by_the_files_its_index_names() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    write(
        path,
        "config.json",
        br#"{"architectures":["OddForCausalLM"]}"#,
    );
    write(path, "a.safetensors", &safetensors(&["[2,3]", "[4]"]));
    write(path, "b.safetensors", &safetensors(&["[]"]));
    write(
        path,
        "again/consolidated.safetensors",
        &safetensors(&["[1000]"]),
    );
    let index = br#"{"metadata":{"total_size":1},"weight_map":{"x":"a.safetensors","y":"b.safetensors","z":"a.safetensors"}}"#;
    write(path, INDEX_FILE, index);
    let facts = read(path);
    assert_eq!(facts.architecture, "OddForCausalLM");
    assert_eq!(facts.parameters, Some(from_tensors(11)));
    assert_eq!(
        (facts.format, facts.file_count),
        (WeightsFormat::Safetensors, 5)
    );
    assert_eq!(facts.read_at, Timestamp(7));

    // Weights that are not all there: the index's own word counts.
    fs::remove_file(path.join("b.safetensors")).unwrap();
    let index = br#"{"metadata":{"total_parameters":42},"weight_map":{"y":"b.safetensors"}}"#;
    write(path, INDEX_FILE, index);
    let stated = ParameterCount {
        count: 42,
        source: ParameterSource::WeightsIndex,
    };
    assert_eq!(read(path).parameters, Some(stated));
}

#[test]
fn without_weights_the_configuration_is_computed_or_nothing_said() {
    let folder = tempfile::tempdir().unwrap();
    let config = br#"{"architectures":["LlamaForCausalLM"],"hidden_size":4,"intermediate_size":8,
        "num_hidden_layers":1,"num_attention_heads":2,"vocab_size":10}"#;
    write(folder.path(), "config.json", config);
    let parameters = read(folder.path()).parameters.unwrap();
    assert_eq!(parameters.source, ParameterSource::Config);
    assert_eq!(parameters.count, 4 * 16 + 3 * 32 + 8 + 2 * 40 + 4);
    write(folder.path(), "config.json", b"{");
    let facts = read(folder.path());
    assert_eq!((facts.parameters, facts.architecture.as_str()), (None, ""));
}

#[test]
fn a_digest_is_what_sha256sum_says() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    write(path, "b.bin", b"two");
    write(path, "a/c.bin", b"one");
    write(path, ".cache/note", b"changes all the time");
    std::os::unix::fs::symlink(path.join("b.bin"), path.join("link.bin")).unwrap();
    let sha = |content: &[u8]| format!("{:x}", Sha256::digest(content));
    let two = sha(b"two");
    let list = format!("{}  a/c.bin\n{two}  b.bin\n{two}  link.bin\n", sha(b"one"));
    let facts = read(path);
    assert_eq!(facts.digest, Some(FilesDigest(sha(list.as_bytes()))));
    assert_eq!((facts.file_count, facts.bytes), (3, 9));
    let single = read(&path.join("b.bin"));
    assert_eq!(single.digest, Some(FilesDigest(two)));

    let too_large = read_model_files(path, 8, Timestamp(0)).unwrap();
    assert_eq!(too_large.digest, None);
}

#[test]
fn what_cannot_be_read_says_why() {
    let folder = tempfile::tempdir().unwrap();
    let missing = folder.path().join("missing");
    let words = read_model_files(&missing, 0, Timestamp(0)).unwrap_err();
    assert!(words.contains("there is nothing at"), "{words}");
    std::os::unix::fs::symlink(folder.path(), folder.path().join("circle")).unwrap();
    let words = read_model_files(folder.path(), 0, Timestamp(0)).unwrap_err();
    assert!(words.contains("nested"), "{words}");
    let device = read_model_files(Path::new("/dev/null"), 0, Timestamp(0)).unwrap_err();
    assert!(device.contains("neither a file nor a folder"), "{device}");
}

#[test]
fn the_tiny_model_is_a_gguf_file() {
    let facts = read(&testkit::tiny_model_path());
    assert_eq!(facts.format, WeightsFormat::Gguf);
    assert_eq!(facts.architecture, "llama");
    assert!(
        facts
            .parameters
            .is_some_and(|parameters| parameters.count > 1_000)
    );
}
