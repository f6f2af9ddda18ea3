//! Cloud models through the litellm proxy.

use super::*;

#[test]
fn a_cloud_model_goes_through_the_proxy_on_this_machine() {
    let mut forms = cloud();
    forms[2] = choose_cluster(1);
    forms[3] = choose_nodes(&[10]);
    forms[4] = choose_model(4, "litellm");
    let mut draft = Draft::default();
    for (form, expected) in forms.iter().zip(Step::ALL) {
        assert_eq!(draft.first_open_step(&catalogue()), expected);
        draft = draft.answer(form, &catalogue()).unwrap();
        assert_eq!(draft.form(expected).as_ref(), Some(form));
    }
    let plan = build_plan(&draft, &catalogue()).unwrap();
    let id = CredentialId(Uuid::from_u128(1));
    assert_eq!(plan.credential_id(), Some(id));
    let upstream = plan.upstream.as_ref().unwrap();
    assert_eq!(upstream.model, "openai/gpt");
    assert_eq!(
        upstream.api_base, "http://h/v1",
        "the address of the credential"
    );
    let (preset, command) = plan.deployment.started().unwrap();
    assert_eq!(preset, EnginePreset::Litellm);
    assert!(command.words.iter().any(|word| word == "litellm.json"));
    let again = Draft::from_plan(&plan);
    assert_eq!(build_plan(&again, &catalogue()).unwrap(), plan);

    // In a container its configuration comes as a variable.
    let StepForm::Model(mut contained) = forms[4].clone() else {
        panic!("step 5 asks for the model");
    };
    contained.engine.runs_as = "container".to_owned();
    let contained = draft.answer(&StepForm::Model(contained), &catalogue());
    let plan = build_plan(&contained.unwrap(), &catalogue()).unwrap();
    let Deployment::Container {
        entrypoint,
        command,
        mounts,
        ..
    } = &plan.deployment
    else {
        panic!("{:?}", plan.deployment);
    };
    assert!(entrypoint.as_ref().unwrap()[2].contains("ASSAY_PROXY_CONFIG"));
    assert_eq!(command.words[..3], ["litellm", "--config", "litellm.json"]);
    assert_eq!(mounts, &[]);
    let again = Draft::from_plan(&plan);
    assert_eq!(build_plan(&again, &catalogue()).unwrap(), plan);

    // Any address will do, but not the key of an endpoint, nor one that was put away.
    assert!(draft.answer(&choose_credential(2), &catalogue()).is_ok());
    for (bits, words) in [(3, "archived"), (4, "another endpoint")] {
        let errors = draft
            .answer(&choose_credential(bits), &catalogue())
            .unwrap_err();
        assert!(errors.at("credential_id").unwrap().contains(words));
    }
    // A plan that was stored before there were proxies is read.
    let mut stored = serde_json::to_value(&plan).unwrap();
    stored.as_object_mut().unwrap().remove("upstream");
    let read: RunPlan = serde_json::from_value(stored).unwrap();
    assert_eq!(read.upstream, None);
}

#[test]
fn the_proxy_runs_on_machines_over_ssh_as_well() {
    let mut catalogue = catalogue();
    catalogue.clusters.push(cluster(5, ClusterKind::Machines));
    let mut forms = cloud();
    forms[2] = choose_cluster(5);
    forms[3] = choose_nodes(&[50]);
    forms[4] = choose_model(4, "litellm");
    let answered = forms.iter().try_fold(Draft::default(), |draft, form| {
        draft.answer(form, &catalogue)
    });
    let plan = build_plan(&answered.unwrap(), &catalogue).unwrap();
    assert_eq!(plan.deployment.started().unwrap().0, EnginePreset::Litellm);
    assert_eq!(plan.upstream.unwrap().api_base, "http://h/v1");
    assert!(plan.workload.spend_limit.unwrap().is_some());
}
