//! What a provider may be sent.

use super::*;

#[test]
fn what_a_provider_may_be_sent_has_a_limit() {
    let catalogue = catalogue();
    let draft = answered(&cloud());
    let plan = build_plan(&draft, &catalogue).unwrap();
    let limit = plan.workload.spend_limit.unwrap();
    assert_eq!(limit, plan.workload.usual_limit(false));
    let chosen = |requests: &str, tokens: &str| {
        StepForm::Credential(CredentialChoiceForm {
            credential_id: id(1),
            requests_max: requests.to_owned(),
            tokens_max: tokens.to_owned(),
        })
    };
    let own = draft.answer(&chosen("7", ""), &catalogue).unwrap();
    let plan = build_plan(&own, &catalogue).unwrap();
    let limit = SpendLimit {
        requests: Some(7),
        ..limit
    };
    assert_eq!(plan.workload.spend_limit, Some(limit));
    assert_eq!(
        build_plan(&Draft::from_plan(&plan), &catalogue).unwrap(),
        plan
    );
    let errors = draft.answer(&chosen("0", "many"), &catalogue).unwrap_err();
    assert!(errors.at("requests_max").is_some() && errors.at("tokens_max").is_some());

    // As fast as a provider answers for a time: nobody knows how much that is.
    let timed = StepForm::Evaluation(EvaluationForm {
        stop: "duration".to_owned(),
        ..EvaluationForm::default()
    });
    let timed = draft.answer(&timed, &catalogue).unwrap();
    assert_eq!(timed.first_open_step(&catalogue), Step::Credential);
    assert!(
        build_plan(&timed, &catalogue)
            .unwrap_err()
            .at("requests_max")
            .is_some()
    );
    assert!(timed.answer(&chosen("", ""), &catalogue).is_err());
    let limited = timed.answer(&chosen("", "100000"), &catalogue).unwrap();
    assert_eq!(limited.first_open_step(&catalogue), Step::Confirm);
    // No other model has one.
    let served = draft.answer(&choose_model(2, ""), &catalogue).unwrap();
    assert_eq!(
        build_plan(&served, &catalogue)
            .unwrap()
            .workload
            .spend_limit,
        None
    );
}

/// Plans that were stored before there were limits, such as those that still wait in a queue.
#[test]
fn a_plan_without_a_limit_is_given_the_usual_one_or_not_carried_out() {
    let catalogue = catalogue();
    let mut plan = build_plan(&answered(&cloud()), &catalogue).unwrap();
    let usual = plan.workload.usual_limit(false);
    plan.workload.spend_limit = None;
    let stored = serde_json::to_string(&plan).unwrap();
    assert!(!stored.contains("spend_limit"), "{stored}");
    let mut plan: RunPlan = serde_json::from_str(&stored).unwrap();
    let limited = plan.limited_workload().unwrap();
    assert_eq!(limited.spend_limit, Some(usual));
    plan.workload.stop = StopRule::Duration { seconds: 60 };
    let reason = plan.limited_workload().unwrap_err();
    assert!(reason.contains("give a limit"), "{reason}");
    // A chosen one stays.
    let chosen = SpendLimit {
        requests: None,
        tokens: Some(9),
    };
    plan.workload.spend_limit = Some(chosen);
    assert_eq!(plan.limited_workload().unwrap().spend_limit, Some(chosen));
    plan.workload.spend_limit = None;
    plan.model.source = ModelSource::Served;
    assert_eq!(plan.limited_workload().unwrap().spend_limit, None);
    assert_eq!(plan.spending(), None);
}
