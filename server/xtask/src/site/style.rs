//! One style sheet out of many: `@import`s inlined, `url()`s pointed at hashed names, minified.

use std::fmt::{Display, Write as _};
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow, bail};
use lightningcss::dependencies::{Dependency, DependencyOptions};
use lightningcss::printer::PrinterOptions;
use lightningcss::rules::import::ImportRule;
use lightningcss::rules::{CssRule, CssRuleList};
use lightningcss::stylesheet::{MinifyOptions, ParserOptions, StyleSheet};

use crate::paths;

/// Takes a file that a sheet refers to and returns the URL the browser should use for it.
pub(super) type PlaceFile<'a> = dyn FnMut(&Path) -> anyhow::Result<String> + 'a;

/// How deep sheets may import each other: more is a circle.
const IMPORT_DEPTH_MAX: u32 = 8;

/// The sheet `entry` and everything it imports as one minified text.
///
/// # Errors
/// When a sheet or a file it refers to cannot be read, or a sheet is not valid CSS; the message
/// names file and line.
pub(super) fn bundle(entry: &Path, place_file: &mut PlaceFile<'_>) -> anyhow::Result<String> {
    let mut text = String::new();
    append_sheet(&mut text, entry, place_file, 0)?;
    Ok(text)
}

fn append_sheet(
    text: &mut String,
    path: &Path,
    place_file: &mut PlaceFile<'_>,
    depth: u32,
) -> anyhow::Result<()> {
    if depth > IMPORT_DEPTH_MAX {
        bail!(
            "style sheets import each other in a circle at {}",
            paths::shown(path)
        );
    }
    let source = fs::read_to_string(path)
        .with_context(|| format!("could not read {}", paths::shown(path)))?;
    let options = || ParserOptions {
        filename: paths::shown(path),
        ..ParserOptions::default()
    };
    let sheet = StyleSheet::parse(&source, options()).map_err(|error| located(&error))?;

    // Imports and layer statements stand at the top of a sheet, and their order is their meaning.
    let mut own_rules = Vec::new();
    for rule in sheet.rules.0 {
        match rule {
            CssRule::Import(import) => append_import(text, path, &import, place_file, depth)?,
            CssRule::LayerStatement(layers) => {
                write!(text, "{}", print(&layers)?)?;
            }
            rule => own_rules.push(rule),
        }
    }
    let mut own = StyleSheet::new(vec![paths::shown(path)], CssRuleList(own_rules), options());
    own.minify(MinifyOptions::default())
        .map_err(|error| anyhow!("{error}"))?;
    let printed = own
        .to_css(PrinterOptions {
            minify: true,
            analyze_dependencies: Some(DependencyOptions {
                remove_imports: false,
            }),
            ..PrinterOptions::default()
        })
        .map_err(|error| located(&error))?;

    let mut code = printed.code;
    for dependency in printed.dependencies.unwrap_or_default() {
        let Dependency::Url(reference) = dependency else {
            continue;
        };
        let url = match local_file(path, &reference.url) {
            Some(file) => {
                place_file(&file).with_context(|| format!("in {}", paths::shown(path)))?
            }
            None => reference.url,
        };
        code = code.replace(&reference.placeholder, &url);
    }
    text.push_str(code.trim_end());
    Ok(())
}

fn append_import(
    text: &mut String,
    path: &Path,
    import: &ImportRule<'_>,
    place_file: &mut PlaceFile<'_>,
    depth: u32,
) -> anyhow::Result<()> {
    if import.supports.is_some() {
        bail!(
            "{}: write @supports inside the sheet, not at its @import",
            paths::shown(path)
        );
    }
    let Some(file) = local_file(path, &import.url) else {
        bail!(
            "{}: {} is not a file of this project",
            paths::shown(path),
            import.url
        );
    };
    let mut blocks = 0;
    if let Some(layer) = &import.layer {
        let name = layer.as_ref().map(print).transpose()?.unwrap_or_default();
        write!(text, "@layer {name}{{")?;
        blocks += 1;
    }
    if !import.media.media_queries.is_empty() {
        write!(text, "@media {}{{", print(&import.media)?)?;
        blocks += 1;
    }
    append_sheet(text, &file, place_file, depth + 1)?;
    text.extend(std::iter::repeat_n('}', blocks));
    Ok(())
}

fn print(part: &impl lightningcss::traits::ToCss) -> anyhow::Result<String> {
    let options = PrinterOptions {
        minify: true,
        ..PrinterOptions::default()
    };
    part.to_css_string(options)
        .map_err(|error| anyhow!("{error}"))
}

/// The error with its place as editors count it: lines from one, which lightningcss counts from zero.
fn located<T: Display>(error: &lightningcss::error::Error<T>) -> anyhow::Error {
    match &error.loc {
        Some(at) => anyhow!(
            "{}:{}:{}: {}",
            at.filename,
            at.line + 1,
            at.column,
            error.kind
        ),
        None => anyhow!("{}", error.kind),
    }
}

/// The file that `url` in the sheet `sheet` means, or `None` for addresses with a scheme, absolute
/// paths and fragments, which stay as they are.
fn local_file(sheet: &Path, url: &str) -> Option<PathBuf> {
    let stays = url.starts_with(['/', '#']) || url.split('/').next()?.contains(':');
    if stays {
        None
    } else {
        Some(sheet.parent()?.join(url))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A folder of sheets that is gone when the test ends.
    struct Sheets(PathBuf);

    impl Sheets {
        fn new(name: &str, files: &[(&str, &str)]) -> Self {
            let folder = std::env::temp_dir().join(format!("assay-{name}-{}", std::process::id()));
            for (file, text) in files {
                let path = folder.join(file);
                fs::create_dir_all(path.parent().unwrap()).unwrap();
                fs::write(path, text).unwrap();
            }
            Self(folder)
        }

        fn bundle(&self) -> anyhow::Result<String> {
            bundle(&self.0.join("main.css"), &mut |file| {
                Ok(format!(
                    "placed-{}",
                    file.file_name().unwrap().to_string_lossy()
                ))
            })
        }
    }

    impl Drop for Sheets {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    #[test]
    fn imports_are_inlined_in_order_and_keep_their_layers() {
        let sheets = Sheets::new(
            "imports",
            &[
                (
                    "main.css",
                    "@layer base, parts;\n@import \"base.css\" layer(base);\n\
                     @import \"parts/card.css\" layer(parts);\n@import \"print.css\" print;\n\
                     i { color: blue }",
                ),
                ("base.css", "/* why */ body { margin: 0px }"),
                (
                    "parts/card.css",
                    "@import \"edge.css\"; .card { color: red }",
                ),
                ("parts/edge.css", "hr { border: 0 }"),
                ("print.css", "nav { display: none }"),
            ],
        );
        assert_eq!(
            sheets.bundle().unwrap(),
            "@layer base,parts;@layer base{body{margin:0}}@layer parts{hr{border:0}\
             .card{color:red}}@media print{nav{display:none}}i{color:#00f}"
        );
    }

    #[test]
    fn references_to_files_are_placed_and_others_stay() {
        let sheets = Sheets::new(
            "references",
            &[(
                "main.css",
                "@font-face { font-family: A; src: url(\"../fonts/a.woff2\") format(\"woff2\") }\n\
                 a { background: url(\"data:image/gif;base64,R0lG\") } b { mask: url(\"#cut\") }",
            )],
        );
        let text = sheets.bundle().unwrap();
        assert!(text.contains("placed-a.woff2"), "{text}");
        assert!(text.contains("data:image/gif;base64,R0lG"), "{text}");
        assert!(text.contains("#cut"), "{text}");
    }

    #[test]
    fn a_mistake_is_reported_with_file_and_line() {
        let sheets = Sheets::new("mistake", &[("main.css", "a { color: red }\n} b { x: y }")]);
        let message = sheets.bundle().unwrap_err().to_string();
        assert!(message.contains("main.css:2"), "{message}");
    }

    #[test]
    fn a_circle_of_imports_is_an_error() {
        let sheets = Sheets::new("circle", &[("main.css", "@import \"main.css\";")]);
        assert!(sheets.bundle().unwrap_err().to_string().contains("circle"));
    }
}
