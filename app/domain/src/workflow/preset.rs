//! Traffic presets of the wizard: shapes people know by name.

/// A named traffic shape that fills the length fields.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TrafficPreset {
    /// Key in forms.
    pub key: &'static str,
    /// Label of the choice.
    pub label: &'static str,
    /// Prompt length.
    pub input_tokens: &'static str,
    /// Answer length.
    pub output_tokens: &'static str,
}

/// The presets, in the order of the menu.
pub const TRAFFIC_PRESETS: &[TrafficPreset] = &[
    TrafficPreset {
        key: "chat",
        label: "Chat 512 / 256",
        input_tokens: "512",
        output_tokens: "256",
    },
    TrafficPreset {
        key: "rag",
        label: "RAG 4k / 256",
        input_tokens: "4096",
        output_tokens: "256",
    },
    TrafficPreset {
        key: "code",
        label: "Code 1k / 512",
        input_tokens: "1024",
        output_tokens: "512",
    },
    TrafficPreset {
        key: "long_context",
        label: "Long context 32k / 512",
        input_tokens: "32768",
        output_tokens: "512",
    },
    TrafficPreset {
        key: "smoke",
        label: "Smoke 64 / 16",
        input_tokens: "64",
        output_tokens: "16",
    },
];
