//! The few functions of `ECharts` the product uses. The page loads `ECharts` as a global script.

use wasm_bindgen::prelude::*;
use web_sys::HtmlElement;

#[wasm_bindgen]
extern "C" {
    /// A chart in an element.
    pub(super) type EChart;

    #[wasm_bindgen(js_namespace = echarts, js_name = init, catch)]
    pub(super) fn init(
        element: &HtmlElement,
        theme: &JsValue,
        options: &JsValue,
    ) -> Result<EChart, JsValue>;

    #[wasm_bindgen(method, js_name = setOption, catch)]
    pub(super) fn set_option(
        this: &EChart,
        option: &JsValue,
        options: &JsValue,
    ) -> Result<(), JsValue>;

    #[wasm_bindgen(method, catch)]
    pub(super) fn resize(this: &EChart) -> Result<(), JsValue>;

    #[wasm_bindgen(method, catch)]
    pub(super) fn dispose(this: &EChart) -> Result<(), JsValue>;
}
