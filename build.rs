//! Link settings of the Node addon.

fn main() {
    #[cfg(feature = "node")]
    {
        napi_build::setup();
        // The broker's thread runs this library's code: it must stay mapped when the last worker thread unloads it.
        if std::env::var("CARGO_CFG_TARGET_OS").as_deref() == Ok("linux") {
            println!("cargo:rustc-cdylib-link-arg=-Wl,-z,nodelete");
        }
    }
}
