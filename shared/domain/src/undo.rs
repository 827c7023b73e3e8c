//! Taking back a wrong status: which one a visit had before.

use crate::AppointmentStatus;

/// One change of a visit, as its history knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StatusChange {
    /// The status just after. Changes of time keep it.
    pub status: AppointmentStatus,
    /// It took another change back.
    pub is_undo: bool,
}

/// The status that taking back the last change of status leads to; `history` from the first change
/// on. None when there is nothing to take back, or what was before can't be had again: a hold that
/// ended stays ended.
pub fn status_before(history: &[StatusChange]) -> Option<AppointmentStatus> {
    let mut statuses = Vec::with_capacity(history.len());
    for change in history {
        if change.is_undo {
            statuses.pop();
        } else if statuses.last() != Some(&change.status) {
            statuses.push(change.status);
        }
    }
    statuses.pop();
    let can_be_had_again = |status: &AppointmentStatus| {
        use AppointmentStatus::{Arrived, Booked, CheckedIn};
        matches!(status, Booked | Arrived | CheckedIn)
    };
    statuses.pop().filter(can_be_had_again)
}

#[cfg(test)]
mod tests {
    use super::*;
    use AppointmentStatus::{Arrived, Booked, Cancelled, CheckedIn, Fulfilled, NoShow, Pending};

    /// `None` is a change that took another back; its status doesn't matter.
    fn before(history: &[Option<AppointmentStatus>]) -> Option<AppointmentStatus> {
        let change = |status: &Option<AppointmentStatus>| StatusChange {
            status: status.unwrap_or(Booked),
            is_undo: status.is_none(),
        };
        status_before(&history.iter().map(change).collect::<Vec<_>>())
    }

    #[test]
    fn the_last_status_is_taken_back_and_then_the_one_before_it() {
        let day = [Booked, Arrived, CheckedIn, Fulfilled].map(Some);
        assert_eq!(before(&day), Some(CheckedIn));
        assert_eq!(before(&[&day[..], &[None]].concat()), Some(Arrived));
        assert_eq!(before(&[&day[..], &[None, None]].concat()), Some(Booked));
        assert_eq!(before(&[&day[..], &[None, None, None]].concat()), None);
        assert_eq!(before(&[&day[..], &[None, Some(Cancelled)]].concat()), Some(CheckedIn));
    }

    #[test]
    fn a_change_of_time_is_no_status_to_go_back_to() {
        assert_eq!(before(&[Some(Booked), Some(Booked)]), None);
        assert_eq!(before(&[Some(Booked), Some(Booked), Some(NoShow)]), Some(Booked));
        assert_eq!(before(&[Some(Booked), Some(NoShow), None, Some(Booked)]), None);
    }

    #[test]
    fn a_hold_that_ended_stays_ended() {
        assert_eq!(before(&[Some(Pending), Some(Cancelled)]), None);
        assert_eq!(before(&[Some(Pending), Some(Booked)]), None);
        assert_eq!(before(&[Some(Pending), Some(Booked), Some(Cancelled)]), Some(Booked));
        assert_eq!(before(&[]), None);
    }
}
