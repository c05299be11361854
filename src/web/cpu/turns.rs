//! Giving way to a thread's other tasks. A timer would wait for 4 ms every time; a message to
//! oneself only waits for those that are there.

use js_sys::Promise;
use wasm_bindgen::JsValue;
use wasm_bindgen_futures::JsFuture;
use web_sys::MessageChannel;

/// The channel, if there can be any.
pub struct Turns(Option<MessageChannel>);

impl Turns {
    pub fn new() -> Self {
        Self(MessageChannel::new().ok())
    }

    /// Waits until all the others had theirs.
    pub async fn next(&self) {
        let Some(channel) = &self.0 else { return };
        let turn = Promise::new(&mut |resolve, _| {
            channel.port1().set_onmessage(Some(&resolve));
            // What cannot be posted would be waited for in vain.
            if channel.port2().post_message(&JsValue::NULL).is_err() {
                let _ = resolve.call0(&JsValue::NULL);
            }
        });
        // Nobody rejects it.
        let _ = JsFuture::from(turn).await;
    }
}

impl Drop for Turns {
    fn drop(&mut self) {
        if let Some(channel) = &self.0 {
            channel.port1().close();
        }
    }
}
