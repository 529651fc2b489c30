//! `mpsc` of the checked form: std's natively, a queue under a mutex of the facade in a model.
//!
//! The modelled channel keeps std's promises, in the simplest way: a send happens before the receive of its
//! message, the last sender's drop before the receiver sees the hang-up, and a bounded channel's receive before
//! the send that it makes room for.

use super::{Condvar, Mutex, MutexGuard};
use crate::check::run;
use std::cell::Cell;
use std::collections::VecDeque;
use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc as StdArc;
use std::sync::mpsc as native;
use std::time::Duration;

pub use std::sync::mpsc::{RecvError, RecvTimeoutError, SendError, TryRecvError, TrySendError};

/// A modelled channel.
struct Channel<T> {
    state: Mutex<State<T>>,
    /// Something was sent, or the last sender left.
    sent: Condvar,
    /// Something was taken, or the receiver left.
    taken: Condvar,
}

struct State<T> {
    queue: VecDeque<T>,
    /// Messages at most; `None` = unbounded, 0 = each send waits for its receive.
    capacity: Option<usize>,
    /// Messages ever received: a rendezvous send waits for its own.
    received: u64,
    /// The receiver waits for a message right now.
    receiving: bool,
    senders: usize,
    receiver: bool,
}

impl<T> State<T> {
    fn is_full(&self) -> bool {
        self.capacity.is_some_and(|n| self.queue.len() >= n.max(1))
    }
}

impl<T> Channel<T> {
    #[track_caller]
    fn new(capacity: Option<usize>) -> StdArc<Self> {
        let (queue, received, receiving) = (VecDeque::new(), 0, false);
        let state = State { queue, capacity, received, receiving, senders: 1, receiver: true };
        StdArc::new(Channel { state: Mutex::new(state), sent: Condvar::new(), taken: Condvar::new() })
    }

    #[track_caller]
    fn send(&self, message: T) -> Result<(), SendError<T>> {
        let mut s = self.state.lock();
        while s.receiver && s.is_full() {
            self.taken.wait(&mut s);
        }
        if !s.receiver {
            return Err(SendError(message));
        }
        s.queue.push_back(message);
        self.sent.notify_one();
        if s.capacity == Some(0) {
            // The queue was empty, so this message is the next to be received.
            let mine = s.received + 1;
            while s.receiver && s.received < mine {
                self.taken.wait(&mut s);
            }
            if s.received < mine {
                // The receiver left without it, and its drop handed the queue back.
                let message = s.queue.pop_front().expect("only the receiver takes messages");
                return Err(SendError(message));
            }
        }
        Ok(())
    }

    #[track_caller]
    fn try_send(&self, message: T) -> Result<(), TrySendError<T>> {
        let mut s = self.state.lock();
        if !s.receiver {
            return Err(TrySendError::Disconnected(message));
        }
        if s.is_full() || s.capacity == Some(0) && !s.receiving {
            return Err(TrySendError::Full(message));
        }
        s.queue.push_back(message);
        self.sent.notify_one();
        Ok(())
    }

    /// Takes a message that is there.
    #[track_caller]
    fn take(&self, s: &mut MutexGuard<'_, State<T>>) -> Result<T, TryRecvError> {
        match s.queue.pop_front() {
            Some(message) => {
                s.received += 1;
                if s.capacity.is_some() {
                    // All: with capacity 0 both the sender of this message and one that waits for room do.
                    self.taken.notify_all();
                }
                Ok(message)
            }
            None if s.senders == 0 => Err(TryRecvError::Disconnected),
            None => Err(TryRecvError::Empty),
        }
    }

    #[track_caller]
    fn recv(&self, timed: Option<Duration>) -> Result<T, RecvTimeoutError> {
        let mut s = self.state.lock();
        let mut timed_out = false;
        loop {
            match self.take(&mut s) {
                Ok(message) => return Ok(message),
                Err(TryRecvError::Disconnected) => return Err(RecvTimeoutError::Disconnected),
                Err(TryRecvError::Empty) if timed_out => return Err(RecvTimeoutError::Timeout),
                Err(TryRecvError::Empty) => {}
            }
            s.receiving = true;
            match timed {
                Some(timeout) => timed_out = self.sent.wait_for(&mut s, timeout).timed_out(),
                None => self.sent.wait(&mut s),
            }
            s.receiving = false;
        }
    }
}

/// A modelled sending end.
struct Tx<T>(StdArc<Channel<T>>);

impl<T> Clone for Tx<T> {
    #[track_caller]
    fn clone(&self) -> Self {
        self.0.state.lock().senders += 1;
        Tx(self.0.clone())
    }
}

impl<T> Drop for Tx<T> {
    fn drop(&mut self) {
        if self.0.state.is_gone() {
            return;
        }
        let mut s = self.0.state.lock();
        s.senders -= 1;
        if s.senders == 0 {
            self.0.sent.notify_all();
        }
    }
}

/// A modelled receiving end.
struct Rx<T>(StdArc<Channel<T>>);

impl<T> Drop for Rx<T> {
    fn drop(&mut self) {
        if self.0.state.is_gone() {
            return;
        }
        let mut s = self.0.state.lock();
        s.receiver = false;
        // A rendezvous sender takes its message back; other messages die with the receiver, outside the lock.
        let messages = if s.capacity == Some(0) { VecDeque::new() } else { std::mem::take(&mut s.queue) };
        self.0.taken.notify_all();
        drop(s);
        drop(messages);
    }
}

macro_rules! sender {
    ($name:ident, $text:literal) => {
        #[doc = $text]
        pub struct $name<T>(Send<native::$name<T>, T>);

        impl<T> $name<T> {
            /// Sends a message; gives it back if the receiver is gone.
            #[track_caller]
            pub fn send(&self, message: T) -> Result<(), SendError<T>> {
                match &self.0 {
                    Send::Native(tx) => tx.send(message),
                    Send::Modelled(tx) => tx.0.send(message),
                }
            }
        }

        impl<T> Clone for $name<T> {
            #[track_caller]
            fn clone(&self) -> Self {
                $name(match &self.0 {
                    Send::Native(tx) => Send::Native(tx.clone()),
                    Send::Modelled(tx) => Send::Modelled(tx.clone()),
                })
            }
        }

        impl<T> fmt::Debug for $name<T> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_struct(stringify!($name)).finish_non_exhaustive()
            }
        }
    };
}

enum Send<N, T> {
    Native(N),
    Modelled(Tx<T>),
}

sender!(Sender, "The sending end of an unbounded channel, with std's API.");
sender!(SyncSender, "The sending end of a bounded channel, with std's API.");

impl<T> SyncSender<T> {
    /// Sends a message if there is room, or, with capacity 0, a receiver waiting for it.
    #[track_caller]
    pub fn try_send(&self, message: T) -> Result<(), TrySendError<T>> {
        match &self.0 {
            Send::Native(tx) => tx.try_send(message),
            Send::Modelled(tx) => tx.0.try_send(message),
        }
    }
}

/// The receiving end of a channel, with std's API.
pub struct Receiver<T> {
    end: Recv<T>,
    /// As std's: not `Sync`.
    not_sync: PhantomData<Cell<()>>,
}

enum Recv<T> {
    Native(native::Receiver<T>),
    Modelled(Rx<T>),
}

impl<T> Receiver<T> {
    fn new(end: Recv<T>) -> Self {
        Receiver { end, not_sync: PhantomData }
    }
    /// Waits for a message; an error says that there is none and all senders are gone.
    #[track_caller]
    pub fn recv(&self) -> Result<T, RecvError> {
        match &self.end {
            Recv::Native(rx) => rx.recv(),
            Recv::Modelled(rx) => rx.0.recv(None).map_err(|_| RecvError),
        }
    }
    /// [`Receiver::recv`], but at most for `timeout`; in a model a choice.
    #[track_caller]
    pub fn recv_timeout(&self, timeout: Duration) -> Result<T, RecvTimeoutError> {
        match &self.end {
            Recv::Native(rx) => rx.recv_timeout(timeout),
            Recv::Modelled(rx) => rx.0.recv(Some(timeout)),
        }
    }
    /// A message, if one is there.
    #[track_caller]
    pub fn try_recv(&self) -> Result<T, TryRecvError> {
        match &self.end {
            Recv::Native(rx) => rx.try_recv(),
            Recv::Modelled(rx) => {
                let mut s = rx.0.state.lock();
                rx.0.take(&mut s)
            }
        }
    }
    /// Messages until all senders are gone.
    pub fn iter(&self) -> Iter<'_, T> {
        Iter(self)
    }
    /// Messages that are there.
    pub fn try_iter(&self) -> TryIter<'_, T> {
        TryIter(self)
    }
}

impl<T> fmt::Debug for Receiver<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Receiver").finish_non_exhaustive()
    }
}

macro_rules! iterator {
    ($name:ident [$($generic:tt)*] $receiver:ty, $method:ident, $text:literal) => {
        #[doc = $text]
        #[derive(Debug)]
        pub struct $name<$($generic)*>($receiver);
        impl<$($generic)*> Iterator for $name<$($generic)*> {
            type Item = T;
            #[track_caller]
            fn next(&mut self) -> Option<T> {
                self.0.$method().ok()
            }
        }
    };
}
iterator!(Iter['a, T] &'a Receiver<T>, recv, "Messages until all senders are gone.");
iterator!(TryIter['a, T] &'a Receiver<T>, try_recv, "Messages that are there.");
iterator!(IntoIter[T] Receiver<T>, recv, "Messages until all senders are gone, owning the receiver.");

impl<T> IntoIterator for Receiver<T> {
    type Item = T;
    type IntoIter = IntoIter<T>;
    fn into_iter(self) -> IntoIter<T> {
        IntoIter(self)
    }
}

impl<'a, T> IntoIterator for &'a Receiver<T> {
    type Item = T;
    type IntoIter = Iter<'a, T>;
    fn into_iter(self) -> Iter<'a, T> {
        self.iter()
    }
}

/// An unbounded channel.
#[track_caller]
pub fn channel<T>() -> (Sender<T>, Receiver<T>) {
    if run::current().is_none() {
        let (tx, rx) = native::channel();
        return (Sender(Send::Native(tx)), Receiver::new(Recv::Native(rx)));
    }
    let channel = Channel::new(None);
    (Sender(Send::Modelled(Tx(channel.clone()))), Receiver::new(Recv::Modelled(Rx(channel))))
}

/// A channel for at most `bound` messages; with 0 each send waits for its receive.
#[track_caller]
pub fn sync_channel<T>(bound: usize) -> (SyncSender<T>, Receiver<T>) {
    if run::current().is_none() {
        let (tx, rx) = native::sync_channel(bound);
        return (SyncSender(Send::Native(tx)), Receiver::new(Recv::Native(rx)));
    }
    let channel = Channel::new(Some(bound));
    (SyncSender(Send::Modelled(Tx(channel.clone()))), Receiver::new(Recv::Modelled(Rx(channel))))
}
