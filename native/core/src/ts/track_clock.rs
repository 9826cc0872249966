//! One track's times in ticks of 90 kHz (ISO 13818-1 section 2.4.3.7).

const TICKS_PER_MS: i64 = 90;

/// Keeps a track's dts rising: a shared one moves by a tick, far less than the half millisecond that would show.
#[derive(Debug, Default, Clone)]
pub(super) struct TrackClock {
    last_dts: Option<i64>,
}

/// When a frame is decoded and shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Times {
    pub dts: i64,
    pub pts: i64,
    /// Not the times that the frame asked for.
    pub moved: bool,
}

impl TrackClock {
    /// No frame was placed yet.
    pub(super) fn is_new(&self) -> bool {
        self.last_dts.is_none()
    }

    /// Places the next frame. Times that 64 bits cannot say end at their ends.
    pub(super) fn step(&mut self, dts_ms: i64, cts_ms: i64) -> Times {
        let wanted = dts_ms.saturating_mul(TICKS_PER_MS);
        let shown = dts_ms.saturating_add(cts_ms).saturating_mul(TICKS_PER_MS);
        let dts = match self.last_dts {
            Some(last) => wanted.max(last.saturating_add(1)),
            None => wanted,
        };
        let pts = shown.max(dts);
        self.last_dts = Some(dts);
        Times {
            dts,
            pts,
            moved: dts != wanted || pts != shown,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn times(dts: i64, pts: i64, moved: bool) -> Times {
        Times { dts, pts, moved }
    }

    #[test]
    fn times_rise() {
        let mut clock = TrackClock::default();
        assert!(clock.is_new());
        assert_eq!(clock.step(-5, 80), times(-450, 6750, false));
        assert_eq!(clock.step(10, 0), times(900, 900, false));
        assert_eq!(clock.step(10, 0), times(901, 901, true));
        assert_eq!(clock.step(10, 1), times(902, 990, true));
        assert_eq!(clock.step(0, 0), times(903, 903, true));
        assert_eq!(clock.step(20, -5), times(1800, 1800, true));
        assert!(!clock.is_new());
    }

    #[test]
    fn no_time_is_too_large() {
        let mut clock = TrackClock::default();
        assert_eq!(
            clock.step(i64::MAX, i64::from(i32::MAX)),
            times(i64::MAX, i64::MAX, false)
        );
        assert_eq!(clock.step(i64::MIN, -1), times(i64::MAX, i64::MAX, true));
    }
}
