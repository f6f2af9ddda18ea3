use super::super::hue::tests::palette;
use super::*;

fn finite(value: f64) -> Finite {
    Finite::new(value).unwrap()
}

fn slices() -> Vec<TimelineSlice> {
    let slice = |number: u32| TimelineSlice {
        start_s: Finite::from(number),
        length_s: finite(1.0),
        started_count: 1,
        finished_count: 1,
        failed_count: 0,
        in_flight: finite(8.0),
        output_tok_per_s: finite(1_000.0 + f64::from(number)),
        ttft_p50_ms: (number != 3).then(|| finite(200.0)),
        ttft_p99_ms: None,
        ttft_from_schedule_p50_ms: (number > 4).then(|| finite(1_200.0)),
        ttft_from_schedule_p99_ms: None,
        queue_delay_p50_ms: None,
        itl_p50_ms: None,
        itl_p99_ms: None,
    };
    (0..20).map(slice).collect()
}

#[test]
fn load_has_two_axes_and_shades_around_the_window() {
    let chart = LinesChart::of_load(&slices(), finite(2.0), finite(16.0));
    let option = chart.option(&palette());
    assert_eq!(option["yAxis"].as_array().unwrap().len(), 2);
    assert_eq!(option["yAxis"][1]["splitLine"]["show"], false);
    assert_eq!(option["series"][1]["yAxisIndex"], 1.0);
    let areas = option["series"][0]["markArea"]["data"].as_array().unwrap();
    assert_eq!(areas.len(), 2);
    assert_eq!(areas[0][0]["name"], "warm-up");
    assert_eq!(areas[1][1]["xAxis"], "20");
    let mut marked = chart.clone();
    marked.marks = vec![(finite(4.0), "steady from 4 s".to_owned())];
    let lines = &marked.option(&palette())["series"][0]["markLine"]["data"];
    assert_eq!(
        (&lines[0]["xAxis"], &lines[0]["name"]),
        (&4.0.into(), &"steady from 4 s".into())
    );
    assert!(option["series"][0].get("markLine").is_none());
    let finding =
        "Output between 1,002 and 1,015 tok/s; In flight always 8 requests in the measured window.";
    assert_eq!(chart.finding(), finding);
}

#[test]
fn a_window_to_the_end_has_no_drain_and_gaps_stay_gaps() {
    let chart = LinesChart::of_ttft(&slices(), Finite::ZERO, finite(19.8));
    assert!(chart.shades.is_empty());
    let option = chart.option(&palette());
    assert_eq!(option["yAxis"].as_array().unwrap().len(), 1);
    assert!(option["series"][0]["data"][3][1].is_null());
    assert_eq!(chart.twin().rows[3], ["3.00", "–", "–"]);
    let whole = chart.without_gaps();
    assert_eq!(whole.twin().rows[3], ["4.00", "200", "–"]);
    assert_eq!(whole.x_s.len(), 19);
}

/// Where all values are equal, as on an engine with an exact schedule, the grey tail would hide the median.
#[test]
fn the_first_line_lies_on_top_of_the_others() {
    let option = LinesChart::of_ttft(&slices(), Finite::ZERO, finite(19.8)).option(&palette());
    let z = |place: usize| option["series"][place]["z"].as_i64().unwrap();
    assert!(z(0) > z(1), "{} over {}", z(0), z(1));
}

#[test]
fn charts_of_one_run_end_together() {
    let mut slices = slices();
    for slice in slices.iter_mut().skip(10) {
        slice.ttft_p50_ms = None;
    }
    let (from_s, to_s) = (finite(2.0), finite(16.0));
    let load = LinesChart::of_load(&slices, from_s, to_s);
    let ttft = LinesChart::of_ttft(&slices, from_s, to_s).without_gaps();
    assert_eq!(ttft.shades, load.shades);
    let end_of = |chart: &LinesChart| chart.option(&palette())["xAxis"][0]["max"].clone();
    assert_eq!(end_of(&ttft), end_of(&load));
}

#[test]
fn the_axis_ends_at_a_short_number() {
    let mut chart = LinesChart::of_load(&slices(), Finite::ZERO, finite(19.8));
    chart.x_s.push(finite(19.845_975_546));
    let option = chart.option(&palette());
    assert_eq!(option["xAxis"][0]["max"], 19.9);
    for (seconds, end_s) in [(1.1, 1.1), (5.8, 5.8), (3.01, 3.1)] {
        assert!((up_to_tenth(seconds) - end_s).abs() < 1e-9, "{seconds}");
    }
}

#[test]
fn no_warm_up_draws_no_shade_and_a_short_one_keeps_its_label_inside() {
    let without = LinesChart::of_load(&slices(), finite(0.002), finite(19.8));
    assert!(without.shades.is_empty());
    assert!(without.finding().ends_with("requests."), "no window named");
    let short = LinesChart::of_ttft(&slices(), finite(0.5), finite(16.0));
    let option = short.option(&palette());
    let areas = &option["series"][0]["markArea"]["data"];
    assert_eq!(areas[0][0]["label"]["position"], "insideTopLeft");
    assert_eq!(areas[1][0]["label"]["position"], "insideTopRight");
}

#[test]
fn what_lies_in_a_shade_alone_is_no_finding() {
    let mut live = LinesChart {
        end_s: None,
        ..LinesChart::of_load(&slices(), Finite::ZERO, finite(19.8))
    };
    // Warm-up as far as the samples go: the last one lies on the shade's end.
    live.shades = vec![Shade {
        label: "warm-up".to_owned(),
        from_s: Finite::ZERO,
        to_s: finite(19.0),
        is_measured: false,
    }];
    assert_eq!(live.finding(), "No value in the measured window.");
    // With more to come, the end of the shade is where the window begins.
    live.x_s.push(finite(20.0));
    let finding = live.finding();
    assert!(finding.starts_with("Output always 1,019"), "{finding}");
    assert_eq!(LinesChart::default().finding(), "Nothing measured yet.");
    let finished = LinesChart {
        end_s: Some(finite(19.0)),
        ..LinesChart::default()
    };
    assert_eq!(finished.finding(), "No value in the measured window.");
}

#[test]
fn a_shade_inside_the_window_hides_no_value_from_the_finding() {
    let mut chart = LinesChart::of_load(&slices(), finite(2.0), finite(16.0));
    chart.shades.push(Shade {
        label: "unsteady".to_owned(),
        from_s: finite(2.0),
        to_s: finite(9.0),
        is_measured: true,
    });
    let finding = chart.finding();
    assert!(
        finding.starts_with("Output between 1,002 and 1,015 tok/s"),
        "{finding}"
    );
}

#[test]
fn open_loop_has_both_clocks_of_ttft_and_results_of_before_have_one() {
    let mut slices = slices();
    let chart = |slices: &[TimelineSlice]| {
        LinesChart::of_ttft_from_schedule(slices, Finite::ZERO, finite(19.8))
    };
    let drawn = chart(&slices).unwrap();
    let finding = drawn.finding();
    assert!(
        finding.contains("From schedule p50 always 1,200 ms; From send p50 always 200 ms"),
        "{finding}"
    );
    for slice in &mut slices {
        slice.ttft_from_schedule_p50_ms = None;
    }
    assert_eq!(chart(&slices), None);
}
