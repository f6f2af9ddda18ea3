//! Every part on one page, to look at while changing the style:
//! `cargo run -p ui --example gallery` writes target/gallery/*.html, which open from the disk.
//! The pages have no script but the one that draws the charts; all values are made up.

mod data;
mod pages;

use std::fs;
use std::path::{Path, PathBuf};

use leptos::prelude::*;
use ui::chart::{ChartData, Palette};

type Page = fn() -> AnyView;

fn main() -> std::io::Result<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../..")
        .canonicalize()?;
    let folder = root.join("target/gallery");
    fs::create_dir_all(&folder)?;
    let pages: [(&str, Page); 5] = [
        ("result", pages::result),
        ("history", pages::history),
        ("wizard", pages::wizard),
        ("live", pages::live),
        ("states", pages::states),
    ];
    for (name, page) in pages {
        let body = Owner::new().with(|| page().to_html());
        write_page(&root, &folder.join(format!("{name}.html")), &body)?;
    }
    Ok(())
}

fn write_page(root: &Path, path: &PathBuf, body: &str) -> std::io::Result<()> {
    let (root, options) = (root.display(), options());
    let page = format!(
        r#"<!doctype html>
<html lang="en" data-hydrated>
<meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="stylesheet" href="file://{root}/style/main.css">
<body>{body}
<script src="file://{root}/frontend/node_modules/echarts/dist/echarts.common.min.js"></script>
<script>
const theme = new URLSearchParams(location.search).get("theme");
if (theme) document.documentElement.dataset.theme = theme;
const options = {options};
document.querySelectorAll(".chart-panel").forEach((panel) => {{
  const title = panel.querySelector("h3").textContent;
  const styles = getComputedStyle(panel);
  const text = JSON.stringify(options[title] ?? {{}});
  const resolved = text.replace(/@(--[a-z-]+)/g, (_, name) => styles.getPropertyValue(name).trim().replaceAll('"', "'"));
  echarts.init(panel.querySelector(".chart-box")).setOption(JSON.parse(resolved));
}});
</script>
"#
    );
    fs::write(path, page)
}

/// The options of all charts by title, with the names of colours in place of the colours.
fn options() -> String {
    let palette = Palette::read(|name| format!("@{name}"));
    let charts = data::charts();
    let pairs = charts
        .into_iter()
        .map(|(title, chart): (&str, ChartData)| format!("{title:?}: {}", chart.option(&palette)));
    format!("{{{}}}", pairs.collect::<Vec<_>>().join(",\n"))
}
