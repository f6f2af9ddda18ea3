//! Engines that are kept between the runs of a plan.

use super::*;

fn repeated() -> BasicForm {
    BasicForm {
        name: "x".to_owned(),
        reruns: "2".to_owned(),
        keep_engine: "on".to_owned(),
        ..BasicForm::default()
    }
}

#[test]
fn an_engine_is_kept_for_a_second_run_only() {
    let mut form = repeated();
    let answers = form.validate().unwrap();
    assert!(answers.keep_engine);
    assert_eq!(BasicForm::of(&answers), form);
    "1".clone_into(&mut form.reruns);
    let errors = form.validate().unwrap_err();
    assert!(errors.at("keep_engine").unwrap().contains("two runs"));
    assert!(!BasicForm::default().validate().is_ok_and(|a| a.keep_engine));
}

#[test]
fn only_an_engine_that_is_started_here_and_knows_no_key_is_kept() {
    let mut forms = complete();
    forms[0] = StepForm::BasicInfo(repeated());
    let plan = build_plan(&answered(&forms), &catalogue()).unwrap();
    assert!(plan.keep_engine);
    let again = build_plan(&Draft::from_plan(&plan), &catalogue()).unwrap();
    assert!(!again.keep_engine, "it is one run");

    forms[2] = choose_cluster(2);
    forms[3] = choose_nodes(&[20]);
    forms[4] = choose_model(2, "");
    let plan = build_plan(&answered(&forms), &catalogue()).unwrap();
    assert!(!plan.keep_engine, "an endpoint goes on by itself");

    let mut forms = cloud();
    forms[0] = StepForm::BasicInfo(repeated());
    forms[2] = choose_cluster(1);
    forms[3] = choose_nodes(&[10]);
    forms[4] = choose_model(4, "litellm");
    let plan = build_plan(&answered(&forms), &catalogue()).unwrap();
    assert!(!plan.keep_engine);
}

/// Plans that were stored before engines were kept start one for each run.
#[test]
fn a_plan_and_a_draft_of_before_are_read() {
    let plan = build_plan(&answered(&complete()), &catalogue()).unwrap();
    let mut stored = serde_json::to_value(&plan).unwrap();
    assert_eq!(
        stored.as_object_mut().unwrap().remove("keep_engine"),
        Some(serde_json::Value::Bool(false))
    );
    assert_eq!(serde_json::from_value::<RunPlan>(stored).unwrap(), plan);
    let saved = r#"{"name":"x","tags":[],"description":"","concurrent_requests":8,"method":"configuration"}"#;
    let answers: BasicAnswers = serde_json::from_str(saved).unwrap();
    assert!(!answers.keep_engine);
}
