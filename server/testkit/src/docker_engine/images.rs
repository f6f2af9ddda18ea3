//! Root file systems that become images: packed by `tar`, imported through the API.

use std::fmt::Write;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

use super::{DockerEngine, api};
use crate::folder::data_dir;
use crate::{target_dir, tiny_model_path, workspace_root};

const BUSYBOX_PATHS: [&str; 4] = [
    "/bin/busybox",
    "/usr/bin/busybox",
    "/sbin/busybox",
    "/usr/sbin/busybox",
];
const IMAGE_FILES: &str = include_str!("image_files.py");

/// What an image is made of.
pub(super) struct RootFiles {
    /// Files of this machine that keep their path.
    files: Vec<String>,
    /// Lines of a Dockerfile, such as `ENV A=1`.
    changes: Vec<String>,
}

/// Makes the root file system and imports it as `name`.
pub(super) fn import(engine: &DockerEngine, name: &str, make: fn(&Path) -> RootFiles) {
    let folder = data_dir();
    let (root, archive, list) = (
        folder.path().join("root"),
        folder.path().join("root.tar"),
        folder.path().join("list"),
    );
    fs::create_dir(&root).expect("a folder");
    let made = make(&root);
    // From the root on, as archives have them.
    let names = made.files.iter().fold(String::new(), |names, file| {
        names + file.trim_start_matches('/') + "\n"
    });
    fs::write(&list, names).expect("a list of files");
    let status = Command::new("tar")
        .arg("-cf")
        .arg(&archive)
        .arg("-C")
        .arg(&root)
        .arg(".")
        .args(["-C", "/", "--dereference", "--hard-dereference", "-T"])
        .arg(&list)
        .status();
    assert!(status.is_ok_and(|status| status.success()), "tar failed");
    let (repository, tag) = name.split_once(':').expect("a name with a tag");
    let mut path = format!("/images/create?fromSrc=-&repo={repository}&tag={tag}");
    for change in made.changes {
        write!(path, "&changes={}", escaped(&change)).expect("memory");
    }
    let body = fs::read(&archive).expect("the archive");
    let (status, answer) = api::request(
        &engine.socket(),
        "POST",
        &path,
        &[("Content-Type", "application/x-tar")],
        &body,
    )
    .unwrap_or_else(|error| panic!("importing {name}: {error}\n{}", engine.log()));
    assert!(
        status == 200 && !answer.contains("errorDetail"),
        "{name}: {answer}"
    );
}

/// `busybox` under each of its names.
pub(super) fn busybox(root: &Path) -> RootFiles {
    let program = BUSYBOX_PATHS
        .into_iter()
        .find(|path| Path::new(path).exists())
        .expect("busybox is missing: this test needs Debian's package busybox-static");
    let list = Command::new(program)
        .arg("--list")
        .output()
        .expect("the names of busybox");
    let bin = root.join("bin");
    fs::create_dir_all(&bin).expect("a folder");
    fs::create_dir_all(root.join("tmp")).expect("a folder");
    fs::copy(program, bin.join("busybox")).expect("a copy of busybox");
    for name in String::from_utf8_lossy(&list.stdout)
        .lines()
        .filter(|name| *name != "busybox")
    {
        symlink("busybox", bin.join(name)).expect("a link");
    }
    RootFiles {
        files: Vec::new(),
        changes: vec!["VOLUME /data".to_owned(), "ENV PATH=/bin".to_owned()],
    }
}

/// The Python of the tests with what llama.cpp's server loads, the server's script and the tiny model.
pub(super) fn llama(root: &Path) -> RootFiles {
    let python = target_dir().join("venv/bin/python");
    let output = Command::new(&python)
        .args(["-c", IMAGE_FILES])
        .output()
        .expect("the Python of the tests: `cargo xtask test` sets it up");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let text = String::from_utf8(output.stdout).expect("paths are text");
    let mut lines = text.lines();
    let libraries = lines.next().expect("a line of folders");
    let mut settings = lines.next().expect("a line of settings").split(':');
    let (home, packages, program) = (
        settings.next().expect("home"),
        settings.next().expect("packages"),
        settings.next().expect("program"),
    );
    for folder in ["tmp", "models"] {
        fs::create_dir(root.join(folder)).expect("a folder");
    }
    fs::copy(
        workspace_root().join("end2end/engine/llama_server.py"),
        root.join("llama_server.py"),
    )
    .expect("the server's script");
    fs::copy(tiny_model_path(), root.join("models/model.gguf")).expect("the tiny model");
    RootFiles {
        files: lines.map(str::to_owned).collect(),
        changes: vec![
            format!("ENV LD_LIBRARY_PATH={libraries}"),
            format!("ENV PYTHONHOME={home} PYTHONPATH={packages}"),
            format!(r#"ENTRYPOINT ["{program}","/llama_server.py"]"#),
            r#"CMD ["--host","0.0.0.0","--port","8080","--model","/models/model.gguf"]"#.to_owned(),
            "EXPOSE 8080".to_owned(),
        ],
    }
}

/// For a query.
fn escaped(text: &str) -> String {
    text.bytes().fold(String::new(), |mut escaped, byte| {
        if byte.is_ascii_alphanumeric() {
            escaped.push(char::from(byte));
        } else {
            write!(escaped, "%{byte:02X}").expect("memory");
        }
        escaped
    })
}
