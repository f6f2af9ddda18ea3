//! Drawing in the browser. On the server none of this runs.

mod echarts;
mod instance;

use std::cell::RefCell;
use std::rc::Rc;

use leptos::html;
use leptos::prelude::*;

use super::ChartData;
use instance::Instance;

/// Draws `data` into the element, again whenever the data or the theme changes. The drawing is
/// given up with the component. The signal tells whether `ECharts` refused.
pub(super) fn draw_into(node: NodeRef<html::Div>, data: Signal<ChartData>) -> Signal<bool> {
    let was_refused = RwSignal::new(false);
    let theme_edition = RwSignal::new(0_u32);
    let drawn: Rc<RefCell<Option<Instance>>> = Rc::default();
    Effect::new(move |_| {
        data.track();
        theme_edition.track();
        let Some(element) = node.get() else { return };
        let drawn = Rc::clone(&drawn);
        // When a page is entered by a link, this effect runs before its view is in the document,
        // where an element has no size yet.
        request_animation_frame(move || {
            // The page may have been left since.
            let Some(data) = data.try_get_untracked() else {
                return;
            };
            let mut drawn = drawn.borrow_mut();
            if drawn.is_none() {
                let on_theme = move || {
                    theme_edition.try_update(|edition| *edition = edition.wrapping_add(1));
                };
                *drawn = Instance::mount(&element, on_theme);
            }
            let is_drawn = drawn.as_ref().is_some_and(|instance| instance.draw(&data));
            was_refused.try_set(!is_drawn);
        });
    });
    was_refused.into()
}
