//! Times and durations for people.

/// Milliseconds since 1970 as `2026-11-29 20:31:15` of UTC.
pub(crate) fn shown(ms: u64) -> String {
    let seconds = ms / 1_000;
    let (days, second) = (seconds / 86_400, seconds % 86_400);
    let (year, month, day) = civil(days);
    let (hour, minute, second) = (second / 3_600, second / 60 % 60, second % 60);
    format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}")
}

/// The date of a day since 1970-01-01, by the proleptic Gregorian calendar.
///
/// Years are counted from March, so that the leap day is the last of one; an era has 400 of them.
fn civil(days: u64) -> (u64, u64, u64) {
    let days = days + 719_468;
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
    (year_of_era + era * 400 + u64::from(month <= 2), month, day)
}

/// `90s`, `30m`, `1h`, `2d` in milliseconds.
pub(crate) fn duration_ms(text: &str) -> Result<u64, String> {
    let units = [('s', 1_000), ('m', 60_000), ('h', 3_600_000), ('d', 86_400_000)];
    let unit = units.iter().find(|(letter, _)| text.ends_with(*letter));
    let ms = unit.and_then(|(letter, ms)| {
        let number: u64 = text.strip_suffix(*letter)?.parse().ok()?;
        number.checked_mul(*ms)
    });
    ms.ok_or_else(|| "expected a number and its unit, such as 90s, 30m, 1h or 2d".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_shown_by_the_calendar() {
        assert_eq!(shown(0), "1970-01-01 00:00:00");
        assert_eq!(shown(951_782_400_000), "2000-02-29 00:00:00");
        assert_eq!(shown(1_795_984_275_999), "2026-11-29 20:31:15");
        assert_eq!(shown(4_107_542_399_000), "2100-02-28 23:59:59");
    }

    #[test]
    fn a_duration_has_a_unit() {
        assert_eq!(duration_ms("90s"), Ok(90_000));
        assert_eq!(duration_ms("2d"), Ok(172_800_000));
        for wrong in ["", "1", "h", "-1h", "1.5h", "99999999999999999999d", "1w"] {
            duration_ms(wrong).unwrap_err();
        }
    }
}
