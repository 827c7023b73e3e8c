//! Log lines are handed to a thread, so that a slow terminal or pipe holds up no request, and
//! many lines become one write: after the first line it waits a moment for others. Nothing is
//! dropped: when the buffer is full, loggers wait, and at the end the flusher writes all that is
//! left.

use std::fmt;
use std::io::{self, Write};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use tracing_subscriber::fmt::MakeWriter;

/// Bytes that may wait to be written: some thousands of lines.
const BUFFER_LIMIT_BYTES: usize = 1 << 20;

/// How long the first line of a write waits for others. Waking the thread for each line costs
/// more than writing it.
const GATHERING: Duration = Duration::from_millis(2);

/// Where lines go.
pub(super) type Sink = Box<dyn Write + Send>;

/// The loggers' side.
#[derive(Clone)]
pub(super) struct BufferedWriter(Arc<Shared>);

/// The side of `main`: ends the thread when everything is written.
pub(super) struct Flusher {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

struct Shared {
    state: Mutex<State>,
    /// Something to write, or the end.
    filled: Condvar,
    /// Room in the buffer.
    drained: Condvar,
}

struct State {
    pending: Vec<u8>,
    is_finished: bool,
    /// Here once the thread has ended: later lines are written directly.
    sink: Option<Sink>,
}

impl BufferedWriter {
    /// Starts the thread that writes to `sink`.
    pub fn start(sink: Sink) -> io::Result<(Self, Flusher)> {
        let shared = Arc::new(Shared {
            state: Mutex::new(State { pending: Vec::new(), is_finished: false, sink: None }),
            filled: Condvar::new(),
            drained: Condvar::new(),
        });
        let thread = std::thread::Builder::new().name("log-writer".into()).spawn({
            let shared = Arc::clone(&shared);
            move || shared.write_until_finished(sink)
        })?;
        Ok((Self(Arc::clone(&shared)), Flusher { shared, thread: Some(thread) }))
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        // The state is whole between any two statements, so a panic elsewhere spoils nothing.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn append(&self, line: &[u8]) -> io::Result<()> {
        let state = self.lock();
        let mut state = self
            .drained
            .wait_while(state, |s| s.pending.len() >= BUFFER_LIMIT_BYTES && s.sink.is_none())
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(sink) = &mut state.sink {
            return sink.write_all(line).and_then(|()| sink.flush());
        }
        let is_first = state.pending.is_empty();
        state.pending.extend_from_slice(line);
        drop(state);
        if is_first {
            self.filled.notify_one();
        }
        Ok(())
    }

    /// Waits until it is time to write, the buffer is full, or the end has come.
    fn gather<'a>(&self, state: MutexGuard<'a, State>) -> MutexGuard<'a, State> {
        let is_gathering = |s: &mut State| s.pending.len() < BUFFER_LIMIT_BYTES && !s.is_finished;
        match self.filled.wait_timeout_while(state, GATHERING, is_gathering) {
            Ok((state, _)) => state,
            Err(poisoned) => poisoned.into_inner().0,
        }
    }

    fn write_until_finished(&self, mut sink: Sink) {
        let mut batch = Vec::new();
        loop {
            let mut state = self
                .filled
                .wait_while(self.lock(), |s| s.pending.is_empty() && !s.is_finished)
                .unwrap_or_else(PoisonError::into_inner);
            if state.pending.is_empty() {
                state.sink = Some(sink);
                self.drained.notify_all();
                return;
            }
            if !state.is_finished {
                state = self.gather(state);
            }
            batch.clear();
            std::mem::swap(&mut batch, &mut state.pending);
            drop(state);
            self.drained.notify_all();
            // Nobody is left to tell when even standard error is gone.
            let _ = sink.write_all(&batch).and_then(|()| sink.flush());
        }
    }
}

impl Flusher {
    /// Writes everything that is buffered and ends the thread.
    pub fn finish(&mut self) {
        self.shared.lock().is_finished = true;
        self.shared.filled.notify_one();
        if let Some(thread) = self.thread.take() {
            // It can only have panicked inside the sink; there is nowhere to report that.
            let _ = thread.join();
        }
    }
}

impl fmt::Debug for Flusher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Flusher").finish_non_exhaustive()
    }
}

impl Write for BufferedWriter {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.0.append(line).map(|()| line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for BufferedWriter {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}
