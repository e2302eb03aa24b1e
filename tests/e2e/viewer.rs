//! The viewer in a real browser, against the built `zf`: the tests are in `viewer/e2e`.

use std::path::Path;

use zarr_fuse_harness::{binary, checkout, run};

const INSTALL: &str =
    "install it: `apt-get install chromium fonts-dejavu-core`, or name another one in CHROMIUM";

#[test]
fn the_viewer_does_in_a_browser_what_people_need() {
    let viewer = checkout().join("viewer");
    let chromium = std::env::var("CHROMIUM").unwrap_or_else(|_| "/usr/bin/chromium".to_owned());
    assert!(
        Path::new(&chromium).exists(),
        "there is no {chromium}; {INSTALL}"
    );
    assert!(
        viewer.join("node_modules/.bin/vitest").exists(),
        "the viewer's packages are missing; run `npm ci` in {}",
        viewer.display()
    );
    let mut npm = run::command(Path::new("npm"));
    npm.args(["run", "e2e"])
        .current_dir(&viewer)
        .env("ZF_BIN", binary::zf().unwrap())
        .env("NO_COLOR", "1");
    let tests = run::run(&mut npm).unwrap();
    assert_eq!(tests.code, Some(0), "{}{}", tests.stdout, tests.stderr);
}
