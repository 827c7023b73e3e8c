//! What may be asked of visits that exist, for short.

use contracts::{Applied, Outcome};
use contracts::{
    AppointmentState, BookAppointment, BookSeries, BookingCommand, CancelSeries,
    RescheduleAppointment, SeenAppointment, SeriesState, SetAppointmentStatus,
};
use domain::{
    AppointmentStatus, CancelationReason, PatientId, PractitionerId, RequestedStart, SeriesId,
};

use super::clinic::{Clinic, Incoming, patient_of};

pub fn at(text: &str) -> RequestedStart {
    RequestedStart::try_from(text.to_owned()).unwrap()
}

pub fn seen(visit: &AppointmentState) -> SeenAppointment {
    SeenAppointment { appointment_id: visit.id, version: visit.version }
}

pub fn wanted(patient: PatientId, doctor: PractitionerId, start: &str) -> BookAppointment {
    BookAppointment {
        practitioner_id: doctor,
        patient_id: patient,
        start: at(start),
        service_id: None,
        location_id: None,
    }
}

pub fn reschedule(visit: &AppointmentState, start: &str) -> RescheduleAppointment {
    RescheduleAppointment {
        appointment_id: visit.id,
        version: visit.version,
        start: at(start),
        practitioner_id: None,
        override_reason: None,
    }
}

pub fn set_status(visit: &AppointmentState, status: AppointmentStatus) -> BookingCommand {
    BookingCommand::SetStatus(SetAppointmentStatus {
        appointment_id: visit.id,
        version: visit.version,
        status,
    })
}

pub fn undo(visit: &AppointmentState) -> BookingCommand {
    BookingCommand::UndoStatus(seen(visit))
}

pub fn series_of(outcome: Outcome) -> SeriesState {
    match outcome {
        Outcome::Applied { result: Applied::Series(series) } => series,
        other => panic!("expected a series, got {other:?}"),
    }
}

impl Clinic {
    /// A patient holds a time.
    pub fn hold(&self, patient: PatientId, doctor: PractitionerId, start: &str) -> Incoming {
        let command = BookingCommand::Hold(wanted(patient, doctor, start));
        self.request(patient_of(patient), command)
    }

    /// A patient confirms a hold.
    pub fn confirm(&self, hold: &AppointmentState) -> Incoming {
        self.request(patient_of(hold.patient_id), BookingCommand::Confirm(seen(hold)))
    }

    /// A patient gives a hold back.
    pub fn release(&self, hold: &AppointmentState) -> Incoming {
        self.request(patient_of(hold.patient_id), BookingCommand::Release(seen(hold)))
    }

    /// A patient moves a visit.
    pub fn reschedule(&self, visit: &AppointmentState, start: &str) -> Incoming {
        let command = BookingCommand::Reschedule(reschedule(visit, start));
        self.request(patient_of(visit.patient_id), command)
    }

    /// A patient books a visit that comes again.
    pub fn series(
        &self,
        patient: PatientId,
        doctor: PractitionerId,
        start: &str,
        every_weeks: u8,
        count: u8,
    ) -> Incoming {
        let first = wanted(patient, doctor, start);
        let command = BookingCommand::BookSeries(BookSeries { first, every_weeks, count });
        self.request(patient_of(patient), command)
    }

    /// A patient calls off what is left of a series.
    pub fn end_series(&self, patient: PatientId, series_id: SeriesId) -> Incoming {
        let reason = CancelationReason::Patient;
        let cancel = CancelSeries { series_id, reason, override_reason: None };
        self.request(patient_of(patient), BookingCommand::CancelSeries(cancel))
    }

    /// Version, status, start and whether it took something back, of each change of a visit.
    pub async fn history(&self, visit: &AppointmentState) -> Vec<(i32, String, String, bool)> {
        let rows = self
            .admin
            .query(
                "SELECT version, status, to_char(lower(during) AT TIME ZONE 'America/Sao_Paulo',
                     'MM-DD HH24:MI'), is_undo
                 FROM appointment_status_history WHERE appointment_id = $1 ORDER BY version",
                &[&visit.id.as_uuid()],
            )
            .await
            .unwrap();
        rows.iter().map(|row| (row.get(0), row.get(1), row.get(2), row.get(3))).collect()
    }
}
