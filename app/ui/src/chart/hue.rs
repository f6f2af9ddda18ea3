//! Colours of charts: the same thing has the same colour on every page.

/// A colour by name; its value depends on the theme.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hue {
    /// TTFT and throughput.
    Blue,
    /// TPOT.
    Teal,
    /// Requests in flight.
    Orange,
    /// ITL.
    Purple,
    /// E2E latency.
    Magenta,
    /// Errors.
    Red,
    /// What stands for comparison.
    Grey,
}

impl Hue {
    /// Time to first token.
    pub const TTFT: Self = Self::Blue;
    /// Time per output token.
    pub const TPOT: Self = Self::Teal;
    /// Inter-token latency.
    pub const ITL: Self = Self::Purple;
    /// End-to-end latency.
    pub const E2E: Self = Self::Magenta;
    /// Tokens or requests per second.
    pub const THROUGHPUT: Self = Self::Blue;
    /// Requests in flight.
    pub const IN_FLIGHT: Self = Self::Orange;
    /// Failed requests.
    pub const ERRORS: Self = Self::Red;

    /// Every hue. Series of equal kind, such as compared runs, take them in this order.
    pub const ALL: [Self; 7] = [
        Self::Blue,
        Self::Orange,
        Self::Teal,
        Self::Purple,
        Self::Magenta,
        Self::Red,
        Self::Grey,
    ];

    /// Its name in the style sheet: `--chart-<name>` and `.hue-<name>`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Blue => "blue",
            Self::Teal => "teal",
            Self::Orange => "orange",
            Self::Purple => "purple",
            Self::Magenta => "magenta",
            Self::Red => "red",
            Self::Grey => "grey",
        }
    }
}

/// The colours of the theme in force, as CSS colours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Palette {
    hues: [String; 7],
    /// Axis names and values.
    pub ink: String,
    /// Labels on marks.
    pub note: String,
    /// Grid lines.
    pub grid: String,
    /// Axis lines.
    pub axis: String,
    /// Warm-up and drain.
    pub shade: String,
    /// The panel behind.
    pub surface: String,
    /// The typeface.
    pub font: String,
}

impl Palette {
    /// Reads every colour by its custom property; `property` gives the value of one.
    pub fn read(property: impl Fn(&str) -> String) -> Self {
        let chart = |name: &str| property(&format!("--chart-{name}")).trim().to_owned();
        Self {
            hues: Hue::ALL.map(|hue| chart(hue.name())),
            ink: chart("ink"),
            note: chart("note"),
            grid: chart("grid"),
            axis: chart("axis"),
            shade: chart("shade"),
            surface: chart("surface"),
            font: property("--sans").trim().to_owned(),
        }
    }

    /// The colour of a hue.
    pub fn hue(&self, hue: Hue) -> &str {
        let place = Hue::ALL.iter().position(|other| *other == hue);
        place
            .and_then(|place| self.hues.get(place))
            .map_or("", String::as_str)
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A palette whose colours are the names of their properties.
    pub(in super::super) fn palette() -> Palette {
        Palette::read(|name| name.trim_start_matches("--chart-").to_owned())
    }

    #[test]
    fn every_hue_has_its_own_colour() {
        for hue in Hue::ALL {
            assert_eq!(palette().hue(hue), hue.name());
        }
    }
}
