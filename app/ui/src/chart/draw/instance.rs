//! One drawn chart and the observers that keep it fitting.

use js_sys::{Array, Float64Array, JSON, Object, Reflect};
use wasm_bindgen::closure::Closure;
use wasm_bindgen::{JsCast, JsValue};
use web_sys::{
    HtmlElement, MediaQueryList, MutationObserver, MutationObserverInit, ResizeObserver,
};

use super::echarts::{self, EChart};
use crate::chart::{ChartData, Palette};

/// A chart in the document. Dropping it disposes of the chart and its observers.
pub(super) struct Instance {
    element: HtmlElement,
    chart: EChart,
    resize: ResizeObserver,
    theme: MutationObserver,
    system_theme: Option<MediaQueryList>,
    on_theme: Closure<dyn FnMut()>,
    // Held only because the observer calls it.
    _on_resize: Closure<dyn FnMut()>,
}

impl Instance {
    /// Makes a chart in `element`; `on_theme` is called when its colours are to be read again.
    /// `None` when `ECharts` is not there or refuses.
    pub(super) fn mount(element: &HtmlElement, on_theme: impl FnMut() + 'static) -> Option<Self> {
        let chart = echarts::init(element, &JsValue::NULL, &JsValue::UNDEFINED).ok()?;
        let resized = chart.clone().unchecked_into::<EChart>();
        let on_resize = Closure::<dyn FnMut()>::new(move || {
            // A chart that was disposed of meanwhile needs no size.
            let _ = resized.resize();
        });
        let resize = ResizeObserver::new(on_resize.as_ref().unchecked_ref()).ok()?;
        resize.observe(element);

        let on_theme = Closure::<dyn FnMut()>::new(on_theme);
        let theme = MutationObserver::new(on_theme.as_ref().unchecked_ref()).ok()?;
        let root = leptos::prelude::document().document_element()?;
        let watched = MutationObserverInit::new();
        watched.set_attributes(true);
        watched.set_attribute_filter(&Array::of1(&JsValue::from_str("data-theme")));
        theme.observe_with_options(&root, &watched).ok()?;
        let system_theme = leptos::prelude::window()
            .match_media("(prefers-color-scheme: dark)")
            .ok()
            .flatten();
        if let Some(query) = &system_theme {
            // Without the listener a chart keeps its colours until the page is loaded again.
            let _ =
                query.add_event_listener_with_callback("change", on_theme.as_ref().unchecked_ref());
        }
        Some(Self {
            element: element.clone(),
            chart,
            resize,
            theme,
            system_theme,
            on_theme,
            _on_resize: on_resize,
        })
    }

    /// Draws `data` in the colours of the moment, replacing what was drawn. Whether it worked.
    pub(super) fn draw(&self, data: &ChartData) -> bool {
        let option = data.option(&self.palette()).to_string();
        let Ok(option) = JSON::parse(&option) else {
            return false;
        };
        if let Some(points) = data.flat_points() {
            set_points(&option, &points);
        }
        let options = Object::new();
        let replace = Reflect::set(&options, &"notMerge".into(), &JsValue::TRUE);
        replace.is_ok() && self.chart.set_option(&option, &options).is_ok()
    }

    fn palette(&self) -> Palette {
        let styles = leptos::prelude::window()
            .get_computed_style(&self.element)
            .ok()
            .flatten();
        Palette::read(|name| {
            let value = styles
                .as_ref()
                .and_then(|styles| styles.get_property_value(name).ok());
            value.unwrap_or_default()
        })
    }
}

impl Drop for Instance {
    fn drop(&mut self) {
        self.resize.disconnect();
        self.theme.disconnect();
        if let Some(query) = &self.system_theme {
            // Nothing is lost when the listener was never added.
            let _ = query.remove_event_listener_with_callback(
                "change",
                self.on_theme.as_ref().unchecked_ref(),
            );
        }
        // A chart whose element is gone already is disposed of by that.
        let _ = self.chart.dispose();
    }
}

/// Sets the data of the first series as one typed array.
fn set_points(option: &JsValue, points: &[f64]) {
    let series = Reflect::get(option, &"series".into()).ok();
    let first = series.and_then(|series| Reflect::get_u32(&series, 0).ok());
    if let Some(first) = first {
        // Fails only for frozen objects, and this one was just parsed.
        let _ = Reflect::set(&first, &"data".into(), &Float64Array::from(points));
    }
}
