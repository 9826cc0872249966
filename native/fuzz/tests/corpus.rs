//! Every file of the corpus, through the check of its target.

use std::fs;
use std::path::Path;
use std::sync::Mutex;

/// Memory is measured for the whole process: one check at a time.
static ALONE: Mutex<()> = Mutex::new(());

fn replay(target: &str, check: fn(&[u8])) {
    let _alone = ALONE.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(target);
    let mut count = 0;
    for entry in fs::read_dir(&folder).expect("a corpus") {
        let path = entry.expect("a corpus").path();
        let data = fs::read(&path).expect("a file of the corpus");
        if std::panic::catch_unwind(|| check(&data)).is_err() {
            panic!("{} fails", path.display());
        }
        count += 1;
    }
    assert!(count > 0, "{} is empty", folder.display());
}

macro_rules! replayed {
    ($($target:ident),*) => {
        $(
            #[test]
            fn $target() {
                replay(stringify!($target), reelkeeper_fuzz::$target::check);
            }
        )*
    };
}

replayed!(amf, config, flv, http, mp4, rows, rtmp, segment);
