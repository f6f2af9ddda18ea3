//! A specification as the body of the request that creates it.

use std::collections::HashMap;
use std::path::PathBuf;

use bollard::models::{
    ContainerCreateBody, DeviceMapping, DeviceRequest, HostConfig, HostConfigLogConfig,
    Mount as BindMount, MountType, PortBinding, RestartPolicy, RestartPolicyNameEnum,
};

use crate::{Accelerators, ContainerSpec, EnvValue, Error, MountRules};

/// Capabilities of Docker's usual set that no engine needs.
const DROPPED_CAPABILITIES: [&str; 4] = ["AUDIT_WRITE", "MKNOD", "NET_RAW", "SETFCAP"];
/// Which devices `ROCm` shows to a program.
const ROCM_DEVICES_VARIABLE: &str = "ROCR_VISIBLE_DEVICES";
/// Where the devices of `ROCm` are.
const ROCM_DEVICE_FILES: [&str; 2] = ["/dev/kfd", "/dev/dri"];
const LOG_FILES: &str = "2";

/// The body, with secrets in clear: it must not be logged.
///
/// # Errors
/// [`Error::Invalid`] and [`Error::MountRefused`].
pub(crate) fn body(spec: &ContainerSpec, rules: &MountRules) -> Result<ContainerCreateBody, Error> {
    spec.check()?;
    let mounts = spec
        .mounts
        .iter()
        .map(|mount| Ok((rules.check(&mount.source)?, mount)))
        .collect::<Result<Vec<_>, Error>>()?
        .into_iter()
        .map(|(source, mount)| bind(source, &mount.target, mount.is_writable))
        .collect::<Result<Vec<_>, Error>>()?;
    let mut labels: HashMap<_, _> = spec.labels.clone().into_iter().collect();
    labels.extend(spec.mark.labels());
    Ok(ContainerCreateBody {
        image: Some(spec.image.as_str().to_owned()),
        entrypoint: spec.entrypoint.clone(),
        cmd: (!spec.command.is_empty()).then(|| spec.command.clone()),
        env: Some(environment(spec)),
        labels: Some(labels),
        exposed_ports: spec.port.map(|port| vec![tcp(port.container_port)]),
        tty: Some(false),
        open_stdin: Some(false),
        host_config: Some(host_config(spec, mounts)),
        ..ContainerCreateBody::default()
    })
}

/// The name of a port in the API.
pub(crate) fn tcp(port: u16) -> String {
    format!("{port}/tcp")
}

fn host_config(spec: &ContainerSpec, mounts: Vec<BindMount>) -> HostConfig {
    let limits = &spec.limits;
    let bytes = |value: Option<u64>| value.and_then(|bytes| i64::try_from(bytes).ok());
    let cpus: Vec<_> = limits.cpus.iter().map(u32::to_string).collect();
    let (device_requests, devices) = accelerators(&spec.accelerators);
    HostConfig {
        // What it may never do, whatever the Docker Engine's own defaults are.
        privileged: Some(false),
        cap_drop: Some(DROPPED_CAPABILITIES.map(str::to_owned).into()),
        security_opt: Some(vec!["no-new-privileges:true".to_owned()]),
        network_mode: Some("bridge".to_owned()),
        ipc_mode: Some("private".to_owned()),
        publish_all_ports: Some(false),
        auto_remove: Some(false),
        restart_policy: Some(RestartPolicy {
            name: Some(RestartPolicyNameEnum::NO),
            maximum_retry_count: None,
        }),
        pids_limit: Some(limits.pids.into()),
        log_config: Some(HostConfigLogConfig {
            typ: Some("json-file".to_owned()),
            config: Some(
                [
                    ("max-size".to_owned(), limits.log_bytes.to_string()),
                    ("max-file".to_owned(), LOG_FILES.to_owned()),
                ]
                .into(),
            ),
        }),
        // What it may use.
        cpuset_cpus: (!cpus.is_empty()).then(|| cpus.join(",")),
        nano_cpus: limits
            .cpu_count
            .map(|count| i64::from(count) * 1_000_000_000),
        memory: bytes(limits.memory_bytes),
        // Equal to the memory, so that there is no swap beyond it: an engine that swaps measures the disk.
        memory_swap: bytes(limits.memory_bytes),
        shm_size: bytes(limits.shm_bytes),
        device_requests,
        devices,
        mounts: (!mounts.is_empty()).then_some(mounts),
        port_bindings: spec.port.map(|port| {
            let binding = PortBinding {
                host_ip: Some(port.address.to_string()),
                // Empty: the Docker Engine takes a free one.
                host_port: Some(String::new()),
            };
            [(tcp(port.container_port), Some(vec![binding]))].into()
        }),
        ..HostConfig::default()
    }
}

fn bind(source: PathBuf, target: &str, is_writable: bool) -> Result<BindMount, Error> {
    let source = source.into_os_string().into_string().map_err(|path| {
        let path = path.to_string_lossy().into_owned();
        Error::MountRefused {
            path,
            reason: "its name is not Unicode".to_owned(),
        }
    })?;
    Ok(BindMount {
        typ: Some(MountType::BIND),
        source: Some(source),
        target: Some(target.to_owned()),
        read_only: Some(!is_writable),
        ..BindMount::default()
    })
}

fn accelerators(
    accelerators: &Accelerators,
) -> (Option<Vec<DeviceRequest>>, Option<Vec<DeviceMapping>>) {
    match accelerators {
        Accelerators::None => (None, None),
        Accelerators::Nvidia(ids) => {
            let request = DeviceRequest {
                driver: Some("nvidia".to_owned()),
                device_ids: Some(ids.clone()),
                capabilities: Some(vec![vec!["gpu".to_owned()]]),
                ..DeviceRequest::default()
            };
            (Some(vec![request]), None)
        }
        Accelerators::Rocm(_) => {
            let devices = ROCM_DEVICE_FILES.map(|path| DeviceMapping {
                path_on_host: Some(path.to_owned()),
                path_in_container: Some(path.to_owned()),
                cgroup_permissions: Some("rw".to_owned()),
            });
            (None, Some(devices.into()))
        }
    }
}

fn environment(spec: &ContainerSpec) -> Vec<String> {
    let mut environment = spec.environment.clone();
    if let Accelerators::Rocm(ids) = &spec.accelerators {
        environment
            .entry(ROCM_DEVICES_VARIABLE.to_owned())
            .or_insert_with(|| EnvValue::Plain(ids.join(",")));
    }
    environment
        .iter()
        .map(|(name, value)| format!("{name}={}", value.expose()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Limits, Mark, Mount, PublishedPort};
    use domain::id::BenchmarkId;
    use domain::secret::Secret;

    fn spec() -> ContainerSpec {
        let mark = Mark::new("here", BenchmarkId(uuid::Uuid::nil()));
        ContainerSpec::new("engine-1", "vllm/vllm-openai:v1".parse().unwrap(), mark)
    }

    fn json(spec: &ContainerSpec) -> serde_json::Value {
        serde_json::to_value(body(spec, &MountRules::none()).unwrap()).unwrap()
    }

    #[test]
    fn a_container_is_confined_and_marked() {
        let json = json(&spec());
        let host = &json["HostConfig"];
        assert_eq!(host["Privileged"], false);
        assert_eq!(host["CapAdd"], serde_json::Value::Null);
        assert_eq!(host["SecurityOpt"][0], "no-new-privileges:true");
        assert_eq!(host["NetworkMode"], "bridge");
        assert_eq!(host["PidMode"], serde_json::Value::Null);
        assert_eq!(host["RestartPolicy"]["Name"], "no");
        assert_eq!(host["PidsLimit"], 16_384);
        assert_eq!(host["LogConfig"]["Type"], "json-file");
        assert_eq!(host["LogConfig"]["Config"]["max-size"], "33554432");
        assert_eq!(json["Labels"]["assay.instance"], "here");
        assert_eq!(json["Cmd"], serde_json::Value::Null, "the image's own");
    }

    #[test]
    fn limits_accelerators_and_ports_are_passed_on() {
        let mut spec = spec();
        spec.limits = Limits {
            cpus: vec![0, 2, 3],
            cpu_count: Some(2),
            memory_bytes: Some(1 << 30),
            shm_bytes: Some(1 << 28),
            ..Limits::default()
        };
        spec.accelerators = Accelerators::Nvidia(vec!["GPU-1".into(), "3".into()]);
        spec.port = Some(PublishedPort::on_loopback(8000));
        let json = json(&spec);
        let host = &json["HostConfig"];
        assert_eq!(host["CpusetCpus"], "0,2,3");
        assert_eq!(host["NanoCpus"], 2_000_000_000_u64);
        assert_eq!(host["Memory"], 1 << 30);
        assert_eq!(host["MemorySwap"], 1 << 30);
        assert_eq!(host["ShmSize"], 1 << 28);
        assert_eq!(host["DeviceRequests"][0]["Driver"], "nvidia");
        assert_eq!(host["DeviceRequests"][0]["DeviceIDs"][1], "3");
        assert_eq!(host["DeviceRequests"][0]["Capabilities"][0][0], "gpu");
        assert_eq!(host["PortBindings"]["8000/tcp"][0]["HostIp"], "127.0.0.1");
        assert_eq!(host["PortBindings"]["8000/tcp"][0]["HostPort"], "");
    }

    #[test]
    fn rocm_gets_its_device_files_and_its_devices_by_name() {
        let mut spec = spec();
        spec.accelerators = Accelerators::Rocm(vec!["0".into(), "2".into()]);
        let rocm = json(&spec);
        assert_eq!(rocm["HostConfig"]["Devices"][0]["PathOnHost"], "/dev/kfd");
        assert_eq!(rocm["HostConfig"]["Devices"][1]["PathOnHost"], "/dev/dri");
        assert_eq!(rocm["Env"][0], "ROCR_VISIBLE_DEVICES=0,2");
        let own = EnvValue::Plain("7".into());
        spec.environment.insert(ROCM_DEVICES_VARIABLE.into(), own);
        assert_eq!(json(&spec)["Env"][0], "ROCR_VISIBLE_DEVICES=7");
    }

    #[test]
    fn secrets_are_in_the_body_and_nowhere_else() {
        let mut spec = spec();
        let secret = EnvValue::Secret(Secret::new("hunter2x".to_owned()));
        spec.environment.insert("KEY".into(), secret);
        assert_eq!(json(&spec)["Env"][0], "KEY=hunter2x");
        assert!(!format!("{spec:?}").contains("hunter2x"));
        let with_zero = EnvValue::Secret(Secret::new("hunter2x\0".to_owned()));
        spec.environment.insert("KEY".into(), with_zero);
        let error = body(&spec, &MountRules::none()).unwrap_err();
        assert!(
            !format!("{error:?} {error}").contains("hunter2x"),
            "{error}"
        );
    }

    #[test]
    fn what_is_not_acceptable_is_named() {
        type Change = fn(&mut ContainerSpec);
        let changes: [(&str, Change); 12] = [
            ("name", |spec| spec.name = "a b".into()),
            ("entrypoint", |spec| spec.entrypoint = Some(vec![])),
            ("command", |spec| spec.command = vec!["a\0b".into()]),
            ("command", |spec| spec.command = vec!["x".repeat(2 << 20)]),
            ("environment", |spec| {
                spec.environment
                    .insert("A=B".into(), EnvValue::Plain(String::new()));
            }),
            ("labels", |spec| {
                spec.labels.insert("assay.run".into(), "x".into());
            }),
            ("mark", |spec| spec.mark.instance = String::new()),
            ("memory", |spec| spec.limits.memory_bytes = Some(1000)),
            ("CPU count", |spec| spec.limits.cpu_count = Some(0)),
            ("mounts", |spec| {
                spec.mounts = vec![Mount::read_only("/srv", "models")];
            }),
            ("port", |spec| {
                spec.port = Some(PublishedPort::on_loopback(0));
            }),
            ("published address", |spec| {
                spec.port = Some(PublishedPort {
                    container_port: 80,
                    address: [0, 0, 0, 0].into(),
                });
            }),
        ];
        for (field, change) in changes {
            let mut spec = spec();
            change(&mut spec);
            match body(&spec, &MountRules::none()) {
                Err(Error::Invalid { field: named, .. }) => assert_eq!(named, field),
                other => panic!("{field}: {other:?}"),
            }
        }
    }

    #[test]
    fn only_private_addresses_are_published() {
        let accepts = |address: &str| {
            let mut spec = spec();
            spec.port = Some(PublishedPort {
                container_port: 80,
                address: address.parse().unwrap(),
            });
            spec.check().is_ok()
        };
        for private in [
            "127.0.0.1",
            "10.1.2.3",
            "172.20.0.1",
            "192.168.1.1",
            "100.64.0.7",
            "::1",
            "fd00::1",
        ] {
            assert!(accepts(private), "{private}");
        }
        for public in [
            "0.0.0.0",
            "8.8.8.8",
            "172.32.0.1",
            "100.128.0.1",
            "::",
            "2001:db8::1",
            "::ffff:8.8.8.8",
        ] {
            assert!(!accepts(public), "{public}");
        }
    }
}
