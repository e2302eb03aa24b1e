//! What one run of a program may use, and how it is stopped.
//!
//! jaq asks for the table of terms at every step of an evaluation, however deep in a loop; the budget counts there, and
//! unwinds the thread of the program when it is used up. Bounded are:
//!
//! - steps, and with them the memory of everything that grows element by element, such as `[range(1e12)]`: measured,
//!   16 bytes a step for numbers and up to 70 for objects, 2 GB at the default bound;
//! - wall time, looked at every [`STEPS_PER_LOOK`] steps;
//! - the depth of the stack, so that `def f: 1 + f; f` is an error and not a crash; what steps can nest, such as
//!   `reduce range(1e7) as $i (0; [.])`, has room to be freed, see [`stack_bytes`];
//! - bytes of output.
//!
//! Not bounded is the memory of a program that doubles one value again and again (`reduce range(60) as $i ("a"; . + .)`):
//! programs are written by whoever configures the service, not by senders.

use std::cell::Cell;
use std::panic::resume_unwind;
use std::time::{Duration, Instant};

use jaq_core::data::{DataT, HasLut};
use jaq_core::{Lut, native::v};
use jaq_json::Val;

use super::super::{DecodeError, Limits};

/// Stack that evaluation may use; the rest is for freeing what it built.
const MAX_STACK_BYTES: usize = 64 << 20;

/// Stack for freeing what one step can build: a level of nesting takes several steps, and less than this to free.
const STACK_BYTES_PER_STEP: u64 = 128;

/// The thread of a program gets no more stack, whatever the steps; memory ends before.
const MAX_THREAD_BYTES: usize = 16 << 30;

/// And no less, even if the machine does not grant what the steps ask for.
pub(super) const MIN_THREAD_BYTES: usize = 256 << 20;

/// Steps between two looks at the clock.
const STEPS_PER_LOOK: u64 = 1024;

/// Stack of the thread that runs a program. It is address space: pages are only used when they are reached.
pub(super) fn stack_bytes(limits: &Limits) -> usize {
    let for_freeing = limits
        .max_program_steps
        .saturating_mul(STACK_BYTES_PER_STEP);
    usize::try_from(for_freeing)
        .unwrap_or(usize::MAX)
        .saturating_add(MAX_STACK_BYTES)
        .clamp(MIN_THREAD_BYTES, MAX_THREAD_BYTES)
}

/// What is left of one run.
pub(super) struct Budget {
    steps_left: Cell<u64>,
    deadline: Instant,
    stack_base: usize,
}

/// Why a run was stopped; travels as the payload of the unwinding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stop {
    Steps,
    Time,
    Stack,
}

impl Budget {
    /// The budget of a run that begins now, on the current thread.
    pub(super) fn new(limits: &Limits) -> Self {
        let timeout = Duration::from_millis(limits.program_timeout_ms);
        let now = Instant::now();
        // A day stands for times that the clock cannot hold.
        let deadline = now
            .checked_add(timeout)
            .unwrap_or(now + Duration::from_hours(24));
        Self {
            steps_left: Cell::new(limits.max_program_steps),
            deadline,
            stack_base: stack_address(),
        }
    }

    /// Counts a step; unwinds if there is none left.
    fn step(&self) {
        let Some(left) = self.steps_left.get().checked_sub(1) else {
            resume_unwind(Box::new(Stop::Steps));
        };
        self.steps_left.set(left);
        if self.stack_base.abs_diff(stack_address()) > MAX_STACK_BYTES {
            resume_unwind(Box::new(Stop::Stack));
        }
        if left.is_multiple_of(STEPS_PER_LOOK) && Instant::now() > self.deadline {
            resume_unwind(Box::new(Stop::Time));
        }
    }
}

/// Where the stack is now.
#[inline(never)]
fn stack_address() -> usize {
    let here = 0_u8;
    std::ptr::from_ref(std::hint::black_box(&here)).addr()
}

impl Stop {
    pub(super) fn explain(self, limits: &Limits) -> DecodeError {
        match self {
            Self::Steps => DecodeError::ProgramSteps {
                max: limits.max_program_steps,
            },
            Self::Time => DecodeError::ProgramTimeout {
                max_ms: limits.program_timeout_ms,
            },
            Self::Stack => DecodeError::ProgramTooDeep,
        }
    }
}

/// Tells jaq what programs work on: JSON values, and a budget.
pub(super) struct Bounded;

/// What jaq carries through a run.
#[derive(Clone, Copy)]
pub(super) struct Run<'a> {
    pub(super) lut: &'a Lut<Bounded>,
    pub(super) budget: &'a Budget,
}

impl DataT for Bounded {
    type V<'a> = Val;
    type Data<'a> = Run<'a>;
}

impl<'a> HasLut<'a, Bounded> for Run<'a> {
    fn lut(&self) -> &'a Lut<Bounded> {
        self.budget.step();
        self.lut
    }
}

/// `range`, counted: jaq's own runs to its end without a step.
pub(super) fn counted_range() -> jaq_core::native::Fun<Bounded> {
    jaq_core::native::run(("range", v(3), |mut cv| {
        let by = cv.0.pop_var();
        let to = cv.0.pop_var();
        let mut next = Some(Ok(cv.0.pop_var()));
        let budget = cv.0.data().budget;
        let zero = Val::from(0_isize);
        Box::new(std::iter::from_fn(move || {
            budget.step();
            let value: Val = match next.take()? {
                Ok(value) => value,
                Err(error) => return Some(Err(error)),
            };
            let inside = match by.cmp(&zero) {
                std::cmp::Ordering::Greater => value < to,
                std::cmp::Ordering::Less => value > to,
                std::cmp::Ordering::Equal => value != to,
            };
            next = inside.then(|| (value.clone() + by.clone()).map_err(jaq_core::Exn::from));
            inside.then_some(Ok(value))
        }))
    }))
}
