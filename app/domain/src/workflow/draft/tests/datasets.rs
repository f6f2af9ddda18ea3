//! Drafts whose prompts come from datasets.

use super::*;

fn basic_with_datasets() -> StepForm {
    StepForm::BasicInfo(BasicForm {
        name: "nightly".to_owned(),
        eval_with: "dataset".to_owned(),
        ..BasicForm::default()
    })
}

fn choose_datasets(bits: &[u128]) -> EvaluationForm {
    EvaluationForm {
        dataset_ids: bits.iter().copied().map(id).collect(),
        answer_lengths: "capped".to_owned(),
        ..EvaluationForm::default()
    }
}

/// A draft that is complete but for the confirmation.
fn with_datasets(bits: &[u128]) -> Draft {
    let evaluation = StepForm::Evaluation(choose_datasets(bits));
    let mut forms = complete();
    forms.truncate(5);
    forms.splice(..2, [basic_with_datasets(), evaluation]);
    answered(&forms)
}

#[test]
fn a_plan_names_its_datasets_in_the_order_chosen() {
    let plan = build_plan(&with_datasets(&[2, 1, 2]), &catalogue()).unwrap();
    let Prompts::Datasets {
        datasets,
        answer_lengths,
    } = &plan.workload.prompts
    else {
        panic!("{plan:?}")
    };
    let names: Vec<&str> = datasets
        .iter()
        .map(|dataset| dataset.name.as_str())
        .collect();
    assert_eq!(
        (names.as_slice(), *answer_lengths),
        (["d2", "d1"].as_slice(), AnswerLengths::Capped)
    );
    assert_eq!(datasets[0].sha256, format!("{:064x}", 2));
    assert_eq!(plan.workload.prompts.row_count(), 420);

    let again = Draft::from_plan(&plan);
    assert_eq!(build_plan(&again, &catalogue()).unwrap(), plan);
    assert_eq!(again.first_open_step(&catalogue()), Step::Confirm);
    let json = serde_json::to_string(&plan).unwrap();
    assert_eq!(serde_json::from_str::<RunPlan>(&json).unwrap(), plan);
}

#[test]
fn the_other_method_keeps_what_was_chosen() {
    let draft = with_datasets(&[1]);
    let configured = draft.answer(&basic(), &catalogue()).unwrap();
    assert_eq!(configured.first_open_step(&catalogue()), Step::Confirm);
    let plan = build_plan(&configured, &catalogue()).unwrap();
    assert_eq!(plan.workload.prompts, Prompts::Synthetic);
    let form = configured.form(Step::Evaluation).unwrap();
    let back = configured
        .answer(&form, &catalogue())
        .and_then(|draft| draft.answer(&basic_with_datasets(), &catalogue()))
        .unwrap();
    assert_eq!(back.first_open_step(&catalogue()), Step::Confirm);

    let never = answered(&complete())
        .answer(&basic_with_datasets(), &catalogue())
        .unwrap();
    assert_eq!(never.first_open_step(&catalogue()), Step::Evaluation);
    let errors = build_plan(&never, &catalogue()).unwrap_err();
    assert!(errors.at("dataset_ids").unwrap().contains("step 2"));
}

#[test]
fn a_dataset_that_is_gone_is_asked_for_again() {
    let draft = with_datasets(&[1, 2]);
    let mut later = catalogue();
    later.datasets[1].archived_at = Some(Timestamp(1));
    assert_eq!(draft.first_open_step(&later), Step::Evaluation);
    let errors = build_plan(&draft, &later).unwrap_err();
    assert!(errors.at("dataset_ids").unwrap().contains("gone"));
    assert_eq!(
        draft.evaluation.as_ref().unwrap().dataset_ids.len(),
        2,
        "nothing is forgotten"
    );
}

#[test]
fn datasets_that_cannot_be_drawn_from_say_so_at_their_field() {
    let draft = answered(&[basic_with_datasets()]);
    let mut catalogue = catalogue();
    catalogue.datasets[1].state = DatasetState::Importing;
    let mut many: Vec<u128> = (10..21).collect();
    catalogue
        .datasets
        .extend(many.iter().map(|bits| dataset(*bits, 1)));
    let refused = |form: EvaluationForm, field: &str| {
        let errors = draft
            .answer(&StepForm::Evaluation(form), &catalogue)
            .unwrap_err();
        errors.at(field).map(str::to_owned).unwrap()
    };
    assert!(refused(choose_datasets(&[]), "dataset_ids").contains("at least one"));
    let message = refused(choose_datasets(&[1, 2, 7]), "dataset_ids");
    assert!(
        message.contains(&id(2)) && message.contains(&id(7)),
        "{message}"
    );
    assert!(!message.contains(&id(1)), "{message}");
    let odd = EvaluationForm {
        dataset_ids: vec!["x".repeat(10_000)],
        ..EvaluationForm::default()
    };
    assert!(refused(odd, "dataset_ids").len() < 300);
    assert!(refused(choose_datasets(&many), "dataset_ids").contains("at most 10"));
    many.truncate(1);
    let odd = EvaluationForm {
        answer_lengths: "long".to_owned(),
        input_tokens: "not looked at".to_owned(),
        ..choose_datasets(&many)
    };
    assert!(refused(odd.clone(), "answer_lengths").contains("how long"));
    let fine = EvaluationForm {
        answer_lengths: String::new(),
        ..odd
    };
    assert!(
        draft
            .answer(&StepForm::Evaluation(fine), &catalogue)
            .is_ok()
    );
}

#[test]
fn too_few_rows_are_a_warning_with_numbers() {
    let warnings = |bits: &[u128]| {
        let plan = build_plan(&with_datasets(bits), &catalogue()).unwrap();
        let found = plan.warnings().into_iter().map(|warning| warning.message);
        found
            .filter(|message| message.contains("repeat"))
            .collect::<Vec<_>>()
    };
    // 200 measured ones and a warm-up of 16.
    assert_eq!(warnings(&[1, 2]), Vec::<String>::new());
    let few = warnings(&[2]);
    assert!(few[0].contains("20 rows for 216 requests"), "{few:?}");
    assert!(few[0].contains("11 times"), "{few:?}");
    let mut timed = build_plan(&with_datasets(&[2]), &catalogue()).unwrap();
    timed.workload.stop = StopRule::Duration { seconds: 5 };
    assert!(
        timed
            .warnings()
            .iter()
            .any(|warning| warning.message.contains("if the run takes more"))
    );
}
