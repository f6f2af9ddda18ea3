//! The colours of the style sheet meet their contrast in both themes: 4.5 to 1 for text, 3 to 1
//! for marks (WCAG 2.2, 1.4.3 and 1.4.11).

use std::collections::HashMap;

const TOKENS: &str = include_str!("../../../style/tokens.css");
const TEXT_MIN: f64 = 4.5;
const MARK_MIN: f64 = 3.0;

type Color = [f64; 3];

/// Every `--name: light-dark(#light, #dark)`, opaque colours only.
fn tokens() -> HashMap<&'static str, [Color; 2]> {
    let declarations = TOKENS.lines().filter_map(|line| {
        let (name, value) = line.trim().strip_prefix("--")?.split_once(':')?;
        let pair = value
            .trim()
            .strip_prefix("light-dark(")?
            .strip_suffix(");")?;
        let (light, dark) = pair.split_once(',')?;
        Some((name, [parse(light.trim())?, parse(dark.trim())?]))
    });
    declarations.collect()
}

fn parse(hex: &str) -> Option<Color> {
    let digits = hex.strip_prefix('#').filter(|digits| digits.len() == 6)?;
    let channel = |at: usize| {
        u8::from_str_radix(&digits[at..at + 2], 16)
            .ok()
            .map(f64::from)
    };
    Some([channel(0)?, channel(2)?, channel(4)?])
}

fn luminance(color: Color) -> f64 {
    let linear = color.map(|channel| {
        let share = channel / 255.0;
        if share <= 0.04045 {
            share / 12.92
        } else {
            ((share + 0.055) / 1.055).powf(2.4)
        }
    });
    0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
}

fn contrast(one: Color, other: Color) -> f64 {
    let (one, other) = (luminance(one), luminance(other));
    (one.max(other) + 0.05) / (one.min(other) + 0.05)
}

fn check(pairs: &[(&str, &str)], at_least: f64) {
    let tokens = tokens();
    let mut faults = Vec::new();
    for (front, back) in pairs {
        for (theme, name) in ["light", "dark"].into_iter().enumerate() {
            let ratio = contrast(tokens[front][theme], tokens[back][theme]);
            if ratio < at_least {
                faults.push(format!("{front} on {back}, {name}: {ratio:.2}"));
            }
        }
    }
    assert!(faults.is_empty(), "below {at_least} to 1: {faults:#?}");
}

#[test]
fn text_is_readable_in_both_themes() {
    let mut pairs = Vec::new();
    for ink in ["ink", "ink-2", "ink-3"] {
        for ground in [
            "ground",
            "surface",
            "raised",
            "sunken",
            "hover",
            "blue-soft",
        ] {
            pairs.push((ink, ground));
        }
    }
    for (ink, soft) in [
        ("blue-ink", "blue-soft"),
        ("green-ink", "green-soft"),
        ("red-ink", "red-soft"),
        ("amber-ink", "amber-soft"),
        ("gold-ink", "gold-soft"),
    ] {
        pairs.extend([
            (ink, soft),
            (ink, "surface"),
            (ink, "ground"),
            (ink, "hover"),
        ]);
    }
    pairs.extend([
        ("ink-2", "grey-soft"),
        ("ink-3", "grey-soft"),
        ("on-action", "action"),
        ("on-action", "action-hover"),
        ("on-danger", "danger"),
        ("on-danger", "danger-hover"),
        ("chart-note", "chart-surface"),
        ("chart-note", "chart-shade"),
        ("ink-3", "sunken"),
    ]);
    check(&pairs, TEXT_MIN);
}

#[test]
fn marks_stand_out_in_both_themes() {
    let marks = [
        "action",
        "green-mark",
        "red-mark",
        "amber-mark",
        "gold-mark",
        "control-line",
        "focus",
        "chart-blue",
        "chart-teal",
        "chart-orange",
        "chart-purple",
        "chart-magenta",
        "chart-red",
        "chart-grey",
    ];
    check(&marks.map(|mark| (mark, "surface")), MARK_MIN);
}

#[test]
fn registered_chart_colours_are_the_light_ones() {
    for (name, [light, _]) in tokens()
        .into_iter()
        .filter(|(name, _)| name.starts_with("chart-"))
    {
        let block = TOKENS.split(&format!("@property --{name} {{")).nth(1);
        let initial = block.and_then(|block| block.split("initial-value: ").nth(1));
        let initial = initial.and_then(|value| parse(value.get(..7)?));
        assert_eq!(initial, Some(light), "{name}");
    }
}
