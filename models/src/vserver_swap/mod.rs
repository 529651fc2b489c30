//! Cinder NetApp driver: a telemetry task switches the shared connection to another vserver, and everybody's
//! requests go there meanwhile.
//!
#![doc = include_str!("lesson.md")]

mod miniature;
mod overlapping_ems;
mod paged_read;
mod shared_session;

use crate::spawn;
use miniature::{Cluster, Sender, Svm, TIMEOUT, TIMEOUT_EMS, Wire, connection, timeout, vserver};
use selvedge::check::{Check, Discipline, Expect, Grade, Kind, Model, Variant, always, note};
use selvedge::rest_connection::{Call, Config, RestConnection};
use selvedge::sync::{Arc, AtomicU8, Mutex, Named, Ordering};
use std::time::Duration;

/// One design of the client: how telemetry sends, how an operation reads pages, what is configured.
/// The seam: variants differ here and nowhere else.
struct Design<C> {
    new: fn() -> C,
    /// Telemetry starts only when discovery is over.
    delayed: bool,
    telemetry: fn(&C),
    page: fn(&C),
    /// A read of two pages.
    read: fn(&C),
    settled: fn(&C) -> (Svm, u8),
}

/// A service starts: discovery reads one page, then a user's operation reads two. Meanwhile telemetry reports once.
fn scenario<C: Send + Sync + 'static>(design: &Design<C>) -> &'static str {
    let client = Arc::new((design.new)());
    let telemetry = design.telemetry;
    let report = || {
        let client = client.clone();
        spawn("telemetry", move || telemetry(&client))
    };
    let early = (!design.delayed).then(report);
    (design.page)(&client);
    let reporting = early.unwrap_or_else(report);
    (design.read)(&client);
    reporting.join().unwrap();
    let (svm, timeout) = (design.settled)(&client);
    always("quiescent-restored", (svm, timeout) == (Svm::Data, TIMEOUT), || {
        format!("everybody has finished, and requests go to {} with a timeout of {timeout} s", svm.name())
    });
    "done"
}

/// The client of the incident: fields that everybody shares.
///
/// | field | data, 15 | written by | to |
/// |---|---|---|---|
/// | `vserver` | the configured one | telemetry, before it sends | admin; back when it has sent |
/// | `timeout` | the configured one | telemetry, before it sends | 25; back when it has sent |
struct Shared {
    cluster: Arc<Cluster>,
    vserver: AtomicU8,
    timeout: AtomicU8,
    /// Of the variants that lock.
    switching: Mutex<()>,
}

impl Shared {
    fn new() -> Self {
        Shared {
            cluster: Arc::new(Cluster::new()),
            vserver: vserver(Svm::Data, "vserver"),
            timeout: timeout(TIMEOUT, "timeout"),
            switching: Mutex::new(()).named("switching"),
        }
    }

    /// A private copy, to be changed by whoever made it.
    fn copy(&self) -> Self {
        Shared {
            cluster: self.cluster.clone(),
            vserver: vserver(Svm::of(self.vserver.load(Ordering::SeqCst)), "copy.vserver"),
            timeout: timeout(self.timeout.load(Ordering::SeqCst), "copy.timeout"),
            switching: Mutex::new(()).named("copy.switching"),
        }
    }

    /// Sends a request whose sender means `intended`.
    fn send(&self, sender: Sender, intended: Svm) {
        note(|| format!("addresses a request meant for {}", intended.name()));
        let header = Svm::of(self.vserver.load(Ordering::SeqCst));
        note(|| format!("sends it to {}", header.name()));
        self.cluster.http(sender, header, intended);
    }

    fn page(&self) {
        self.send(Sender::Operation, Svm::Data);
    }

    fn read(&self) {
        self.page();
        self.page();
    }

    fn settled(&self) -> (Svm, u8) {
        (Svm::of(self.vserver.load(Ordering::SeqCst)), self.timeout.load(Ordering::SeqCst))
    }

    fn switch_and_send(&self) {
        note(|| "saves vserver and timeout".to_owned());
        let (vserver, timeout) = (self.vserver.load(Ordering::SeqCst), self.timeout.load(Ordering::SeqCst));
        note(|| "switches to admin".to_owned());
        self.timeout.store(TIMEOUT_EMS, Ordering::SeqCst);
        // BUG: from here until it is restored, this is the vserver of every request, not only of the next one.
        self.vserver.store(Svm::Admin as u8, Ordering::SeqCst);
        self.send(Sender::Telemetry, Svm::Admin);
        note(|| "switches back".to_owned());
        self.timeout.store(timeout, Ordering::SeqCst);
        self.vserver.store(vserver, Ordering::SeqCst);
    }
}

const SHARED_MUTATION: Design<Shared> = Design {
    new: Shared::new,
    delayed: false,
    telemetry: Shared::switch_and_send,
    page: Shared::page,
    read: Shared::read,
    settled: Shared::settled,
};

const OPTION_A_DELAY: Design<Shared> = Design {
    // BUG: discovery is spared; whatever comes after it is not.
    delayed: true,
    ..SHARED_MUTATION
};

const OPTION_B_MISWIRED: Design<Shared> = Design {
    telemetry: |client| {
        note(|| "makes a private copy".to_owned());
        let copy = client.copy();
        copy.timeout.store(TIMEOUT_EMS, Ordering::SeqCst);
        note(|| "switches the copy to admin".to_owned());
        copy.vserver.store(Svm::Admin as u8, Ordering::SeqCst);
        // BUG: `client`, not `copy`: the method that sends is bound to the shared object.
        client.send(Sender::Telemetry, Svm::Admin);
    },
    ..SHARED_MUTATION
};

const OPTION_C_AS_WRITTEN: Design<Shared> = Design {
    telemetry: |client| {
        // BUG: nobody else takes this lock, so it keeps telemetry from telemetry and nothing more.
        let _switching = client.switching.lock();
        client.switch_and_send();
    },
    ..SHARED_MUTATION
};

const OPTION_C_ALL_SENDERS: Design<Shared> = Design {
    // Fix: a sender chooses its header under the lock that telemetry holds while the header would be wrong.
    page: |client| {
        let _switching = client.switching.lock();
        client.page();
    },
    read: |client| {
        for _ in 0..2 {
            let _switching = client.switching.lock();
            client.page();
        }
    },
    ..OPTION_C_AS_WRITTEN
};

/// Of no variant: what shows that `quiescent-restored` can fail.
const FORGETS_TIMEOUT: Design<Shared> = Design {
    telemetry: |client| {
        let _switching = client.switching.lock();
        client.switch_and_send();
        client.timeout.store(TIMEOUT_EMS, Ordering::SeqCst);
    },
    ..OPTION_C_ALL_SENDERS
};

const OPTION_E_NO_SWITCH: Design<Shared> = Design {
    // Fix: telemetry reports under the vserver that is configured, and that is what it means to do.
    telemetry: |client| {
        client.send(Sender::Telemetry, Svm::Data);
    },
    ..SHARED_MUTATION
};

const OPTION_D_PARAMETER: Design<RestConnection<Wire>> = Design {
    new: connection,
    delayed: false,
    // Fix: the vserver is an argument of this request, in a context that nobody else can reach.
    telemetry: |connection| {
        let context = connection.request().vserver("admin").timeout(Duration::from_secs(TIMEOUT_EMS.into()));
        let Ok(_) = context.send(Call::post("/ems", "")).map_err(drop) else { unreachable!() };
    },
    page: |connection| {
        let Ok(_) = connection.request().send(Call::get("/data")).map_err(drop) else { unreachable!() };
    },
    read: |connection| {
        let context = connection.request();
        let mut more = true;
        let pages =
            context.pages(Call::get("/data"), |_| std::mem::take(&mut more).then(|| Call::get("/data/2")));
        assert_eq!(pages.map_while(Result::ok).count(), 2);
    },
    settled: |connection| {
        let config = connection.config();
        let svm = if config.vserver().is_some_and(|v| v.as_str() == "data") { Svm::Data } else { Svm::Admin };
        (svm, config.timeout().as_secs() as u8)
    },
};

const OPTION_B_COPY: Design<RestConnection<Wire>> = Design {
    // Fix: telemetry has a connection of its own, made from a snapshot, and sends on that one.
    telemetry: |connection| {
        let config = Config::clone(&connection.config())
            .with_vserver("admin".parse().expect("a good name"))
            .with_timeout(Duration::from_secs(TIMEOUT_EMS.into()));
        let own = RestConnection::new(config, connection.transport());
        let Ok(_) = own.request().send(Call::post("/ems", "")).map_err(drop) else { unreachable!() };
    },
    ..OPTION_D_PARAMETER
};

/// The models of the incident.
pub fn models() -> Vec<Model> {
    vec![model(), shared_session::model(), overlapping_ems::model(), paged_read::model()]
}

/// The same with greenthreads, which switch at I/O only: what the service ran on.
fn with_greenthreads(v: Variant, expect: Expect) -> Variant {
    v.check(Check::on_one_cpu(Discipline::Cooperative, expect))
}

fn model() -> Model {
    let misrouted = &[("header-is-intended", Kind::Assertion)];
    Model::new("vserver_swap", "a telemetry task switches the shared connection to another vserver and back")
        .incident("004")
        .lesson(include_str!("lesson.md"))
        .always("header-is-intended", "a request is addressed to the vserver that its sender meant")
        .always("quiescent-restored", "when nobody works, vserver and timeout are as configured")
        .sometimes("telemetry-between-pages", "telemetry's request is sent between two pages of one read")
        .outcome("done", Grade::Acceptable, "every request went to the vserver that its sender meant")
        .variant(with_greenthreads(Variant::buggy("shared_mutation", || scenario(&SHARED_MUTATION), misrouted)
                .about("telemetry sets the shared vserver, sends, and sets it back"), Expect::found(misrouted)))
        .variant(with_greenthreads(Variant::wrong_fix("option_a_delay", || scenario(&OPTION_A_DELAY), misrouted).about(
            "looks right because the failures were seen at start-up, when telemetry met discovery; \
                 it meets users' operations all day",
        ), Expect::found(misrouted)))
        .variant(with_greenthreads(Variant::wrong_fix("option_b_miswired", || scenario(&OPTION_B_MISWIRED), misrouted).about(
            "looks right because telemetry does work on a private copy; it sends through the shared object",
        ), Expect::found(misrouted)))
        .variant(with_greenthreads(Variant::wrong_fix("option_c_as_written", || scenario(&OPTION_C_AS_WRITTEN), misrouted).about(
                "looks right because the switch is in a critical section; the readers of the field are not",
            ), Expect::found(misrouted)))
        .variant(with_greenthreads(Variant::fixed("option_b_copy", || scenario(&OPTION_B_COPY))
                .about("telemetry sends on a RestConnection of its own, made from a snapshot"), Expect::Exhausted))
        .variant(with_greenthreads(Variant::fixed("option_d_parameter", || scenario(&OPTION_D_PARAMETER))
                .about("the vserver is a parameter of the request: RestConnection's contexts"), Expect::Exhausted))
        .variant(
            Variant::fixed("option_c_all_senders", || scenario(&OPTION_C_ALL_SENDERS))
                .about("every sender takes the lock: correct, and every operation waits while telemetry waits for HTTP")
                .check(Check::on_one_cpu(Discipline::Cooperative, Expect::Exhausted).never_sees(
                    "telemetry-between-pages",
                    "greenthreads switch at I/O only, and there is none between the end of one page and the lock of the \
                     next",
                )),
        )
        .variant(with_greenthreads(Variant::fixed("option_e_no_switch", || scenario(&OPTION_E_NO_SWITCH))
                .about("upstream's fix: telemetry reports under the configured vserver"), Expect::Exhausted))
        .falsifier(
            "quiescent-restored",
            Kind::Assertion,
            || scenario(&FORGETS_TIMEOUT),
            "telemetry sets the vserver back and forgets the timeout",
        )
}
