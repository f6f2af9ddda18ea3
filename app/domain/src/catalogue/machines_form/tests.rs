use super::*;
use crate::catalogue::{ClusterKind, DockerAccess, Node, NodeAccess, SshAccess, SshJump};
use crate::id::{ClusterId, CredentialId, NodeId};
use crate::time::Timestamp;

fn form(machines: &str) -> MachinesForm {
    MachinesForm {
        name: "rack".to_owned(),
        machines: machines.to_owned(),
        user: "ada".to_owned(),
        login: "agent".to_owned(),
        ..MachinesForm::default()
    }
}

/// The cluster that a form makes, signed in to with that login.
fn cluster(form: &MachinesForm, login: SshLogin) -> Cluster {
    let new = form.validate(None).unwrap();
    let node = |machine: &NewMachine| Node {
        id: NodeId(uuid::Uuid::nil()),
        name: machine.name.clone(),
        access: match &machine.address {
            MachineAddress::Ssh(address) => NodeAccess::Ssh(Box::new(SshAccess {
                address: address.clone(),
                login,
                host_key: None,
                jump: new.jump.clone().map(|address| SshJump {
                    address,
                    host_key: None,
                }),
            })),
            MachineAddress::Docker(address) => NodeAccess::DockerTls(Box::new(DockerAccess {
                address: address.clone(),
                ca: form.ca.clone(),
                certificate: form.certificate.clone(),
                credential_id: CREDENTIAL,
            })),
        },
        inventory: None,
        last_check: None,
        held_by: None,
    };
    Cluster {
        id: ClusterId(uuid::Uuid::nil()),
        name: new.name.clone(),
        kind: ClusterKind::Machines,
        description: new.description.clone(),
        nodes: new.machines.iter().map(node).collect(),
        last_check: None,
        created_at: Timestamp(0),
        archived_at: None,
    }
}

const CREDENTIAL: CredentialId = CredentialId(uuid::Uuid::nil());
const PASSWORD: SshLogin = SshLogin::Password {
    credential_id: CREDENTIAL,
};
const KEY: SshLogin = SshLogin::Key {
    credential_id: CREDENTIAL,
};

#[test]
fn machines_stand_on_lines_of_their_own() {
    let typed = "gpu1.lab\r\n\n  root@10.0.0.2:2222 as the big one \nfe80::1 as small\n";
    let new = form(typed).validate(None).unwrap();
    let read: Vec<(String, String)> = new
        .machines
        .iter()
        .map(|machine| (machine.name.clone(), machine.address.to_string()))
        .collect();
    let expected = [
        ("gpu1.lab", "ada@gpu1.lab"),
        ("the big one", "root@10.0.0.2:2222"),
        ("small", "ada@[fe80::1]"),
    ];
    assert_eq!(
        read,
        expected.map(|(name, address)| (name.to_owned(), address.to_owned()))
    );
    assert_eq!((new.jump, new.login), (None, NewLogin::Agent));
}

#[test]
fn wrong_lines_are_told_by_what_is_in_them() {
    for (typed, words) in [
        ("", "at least one"),
        ("a b", "Write “as”"),
        ("a\n-x", "no host name"),
        ("a\nb\na", "twice"),
        ("a as x\nb as X", "Two machines are called “X”"),
        ("h:22\nh:23", "as NAME"),
        ("h as", "Give a name"),
    ] {
        let errors = form(typed).validate(None).unwrap_err();
        let told = errors.at("machines").unwrap_or_default();
        assert!(told.contains(words), "{typed:?}: {told}");
    }
    let many: Vec<String> = (0..=MACHINES_MAX).map(|it| format!("h{it}")).collect();
    let errors = form(&many.join("\n")).validate(None).unwrap_err();
    assert!(errors.at("machines").unwrap().contains("too many"));
    assert!(form(&many[1..].join("\n")).validate(None).is_ok());
    let nobody = MachinesForm {
        user: String::new(),
        jump: "door".to_owned(),
        ..form("ada@h")
    };
    let errors = nobody.validate(None).unwrap_err();
    assert!(errors.at("jump").unwrap().contains("account") && errors.at("machines").is_none());
}

#[test]
fn a_new_cluster_needs_the_secret_of_its_login() {
    let with = |login: &str| MachinesForm {
        login: login.to_owned(),
        ..form("h")
    };
    for (login, field) in [
        ("key", "private_key"),
        ("", "private_key"),
        ("password", "password"),
    ] {
        let errors = with(login).validate(None).unwrap_err();
        assert!(errors.at(field).unwrap().starts_with("Give the"), "{login}");
    }
    assert!(
        with("magic")
            .validate(None)
            .unwrap_err()
            .at("login")
            .is_some()
    );
    let public = MachinesForm {
        private_key: "ssh-ed25519 AAAA me".to_owned(),
        ..with("key")
    };
    let errors = public.validate(None).unwrap_err();
    assert!(errors.at("private_key").unwrap().contains("public half"));
    let only_passphrase = MachinesForm {
        passphrase: "p".to_owned(),
        ..with("key")
    };
    assert!(
        only_passphrase
            .validate(None)
            .unwrap_err()
            .at("private_key")
            .is_some()
    );
    let given = MachinesForm {
        private_key: " -----BEGIN\r\nx\r\n".to_owned(),
        passphrase: " p ".to_owned(),
        password: "of another choice".to_owned(),
        ..with("key")
    };
    let NewLogin::Key(Some(secret)) = given.validate(None).unwrap().login else {
        panic!("it is a key");
    };
    assert_eq!(secret.key.expose(), "-----BEGIN\nx\n");
    assert_eq!(secret.passphrase.unwrap().expose(), " p ");
}

#[test]
fn a_password_is_given_again_for_a_machine_it_was_not_given_for() {
    let typed = MachinesForm {
        jump: "door:2222".to_owned(),
        ..form("h1\nh2")
    };
    let present = cluster(&typed, PASSWORD);
    let shown = MachinesForm::of(&present);
    assert_eq!(shown.login, "password");
    assert_eq!(
        shown.validate(Some(&present)).unwrap().login,
        NewLogin::Password(None)
    );
    let fewer = MachinesForm {
        machines: "h2 as renamed".to_owned(),
        jump: String::new(),
        ..shown.clone()
    };
    assert!(fewer.validate(Some(&present)).is_ok());
    let changes = [
        MachinesForm {
            machines: "h1\nh3".to_owned(),
            ..shown.clone()
        },
        MachinesForm {
            machines: "h1:23\nh2".to_owned(),
            ..shown.clone()
        },
        MachinesForm {
            jump: "evil".to_owned(),
            ..shown.clone()
        },
        MachinesForm {
            user: "root".to_owned(),
            ..shown.clone()
        },
    ];
    for changed in changes {
        let errors = changed.validate(Some(&present)).unwrap_err();
        assert!(
            errors.at("password").unwrap().contains("again"),
            "{changed:?}"
        );
        let again = MachinesForm {
            password: "p".to_owned(),
            ..changed
        };
        assert!(again.validate(Some(&present)).is_ok());
    }
}

#[test]
fn a_key_stays_whatever_the_addresses_and_not_for_another_login() {
    let present = cluster(&form("h1"), KEY);
    let moved = MachinesForm {
        machines: "h2".to_owned(),
        ..MachinesForm::of(&present)
    };
    assert_eq!(
        moved.validate(Some(&present)).unwrap().login,
        NewLogin::Key(None)
    );
    let by_password = MachinesForm {
        login: "password".to_owned(),
        ..moved
    };
    let errors = by_password.validate(Some(&present)).unwrap_err();
    assert_eq!(errors.at("password"), Some("Give the password."));
}

#[test]
fn a_form_shows_what_was_typed_but_no_secret() {
    let typed = MachinesForm {
        login: "password".to_owned(),
        password: "clearly-visible".to_owned(),
        machines: "gpu1.lab\nroot@10.0.0.2:2222 as big".to_owned(),
        jump: "door".to_owned(),
        ..form("")
    };
    let shown = MachinesForm::of(&cluster(&typed, PASSWORD));
    let expected = MachinesForm {
        password: String::new(),
        ..typed.clone()
    };
    assert_eq!(shown, expected);
    assert!(!format!("{typed:?}").contains("clearly-visible"));
}

const PEM: &str = "-----BEGIN CERTIFICATE-----\nx\n-----END CERTIFICATE-----\n";
const KEY_PEM: &str = "-----BEGIN PRIVATE KEY-----\ny\n-----END PRIVATE KEY-----\n";

fn docker(machines: &str) -> MachinesForm {
    MachinesForm {
        name: "rack".to_owned(),
        machines: machines.to_owned(),
        login: "docker_tls".to_owned(),
        ca: PEM.to_owned(),
        certificate: PEM.to_owned(),
        docker_key: KEY_PEM.to_owned(),
        ..MachinesForm::default()
    }
}

#[test]
fn docker_engines_need_no_account_and_show_no_key() {
    let typed = MachinesForm {
        // Of another choice.
        jump: "nonsense of ssh".to_owned(),
        ..docker("gpu1.lab\n10.0.0.2:2377 as big")
    };
    let new = typed.validate(None).unwrap();
    let urls: Vec<String> = new.addresses().map(|address| address.to_url()).collect();
    assert_eq!(urls, ["tcp://gpu1.lab:2376", "tcp://10.0.0.2:2377"]);
    let NewLogin::DockerTls(login) = &new.login else {
        panic!("{new:?}");
    };
    assert_eq!(login.key.as_ref().unwrap().expose(), KEY_PEM);
    let present = cluster(&typed, KEY);
    assert_eq!(present.credential_id(), Some(CREDENTIAL));
    let shown = MachinesForm::of(&present);
    let expected = MachinesForm {
        docker_key: String::new(),
        ..docker("gpu1.lab\n10.0.0.2:2377 as big")
    };
    assert_eq!(shown, expected);
    // A key is never sent: it stays, whatever the addresses.
    let moved = MachinesForm {
        machines: "other".to_owned(),
        ..shown.clone()
    };
    assert!(moved.validate(Some(&present)).is_ok());
    let errors = shown.validate(None).unwrap_err();
    assert_eq!(errors.at("docker_key"), Some("Give the private key."));
    assert!(shown.validate(Some(&cluster(&form("h"), KEY))).is_err());
    assert!(!format!("{typed:?} {new:?}").contains("BEGIN PRIVATE"));
}

#[test]
fn what_is_pasted_into_the_wrong_field_is_told_there() {
    type Change = fn(&mut MachinesForm);
    let errors = |change: Change| {
        let mut form = docker("h");
        change(&mut form);
        form.validate(None).unwrap_err()
    };
    let checks: [(&str, &str, Change); 7] = [
        ("machines", "account", |form| {
            form.machines = "root@h".to_owned();
        }),
        ("ca", "PEM", |form| form.ca = String::new()),
        ("certificate", "private key", |form| {
            form.certificate = format!("{PEM}{KEY_PEM}");
        }),
        ("docker_key", "PEM", |form| form.docker_key = PEM.to_owned()),
        ("docker_key", "PEM", |form| {
            form.docker_key = "-----BEGIN OPENSSH PRIVATE KEY-----\n".to_owned();
        }),
        ("docker_key", "passphrase", |form| {
            form.docker_key = "-----BEGIN ENCRYPTED PRIVATE KEY-----\n".to_owned();
        }),
        ("docker_key", "Give the", |form| {
            form.docker_key = String::new();
        }),
    ];
    for (field, words, change) in checks {
        let errors = errors(change);
        let told = errors.at(field).unwrap_or_default();
        assert!(told.contains(words), "{field}: {errors:?}");
    }
}
