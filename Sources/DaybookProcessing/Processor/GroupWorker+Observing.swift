// What a group tells its observer. Nothing of it is made while there is none. What observers can hear is `ProcessingObserver`'s
// business.

internal import Daybook
internal import DaybookModel

extension GroupWorker {
    func observe(_ end: AttemptEnd) {
        // What has taken too long was told of when its time was over.
        guard let observer = configuration.observer,
            machine.flights[end.attempt.place]?.attempt.token == end.attempt.token
        else { return }
        var note: FailureNote?
        switch end.outcome {
        case .failed(_, let failure), .unanswered(let failure): note = failure
        default: break
        }
        observer.didEndAttempt(observation(of: end.attempt, AttemptResult(end.outcome), note, end.duration))
    }

    /// An attempt has taken too long.
    func observeTimeout(_ attempt: Attempt) {
        guard let observer = configuration.observer else { return }
        let duration = Duration.milliseconds(max(0, attempt.started.milliseconds(until: now)))
        observer.didEndAttempt(observation(of: attempt, .timeout, nil, duration))
    }

    private func observation(
        of attempt: Attempt, _ result: AttemptResult, _ note: FailureNote?, _ duration: Duration
    ) -> AttemptObservation {
        AttemptObservation(
            group: configuration.group, place: machine.state.named(attempt.place),
            type: cache[attempt.place]?.event?.type ?? "", downstream: routes[attempt.route].downstream.name,
            number: attempt.number, isProbe: attempt.isProbe, result: result, note: note, duration: duration)
    }

    /// A page is durable and has been applied; the records of its events are still at hand.
    func observe(_ page: JournalPage) {
        guard let observer = configuration.observer else { return }
        let now = now
        func tell(_ place: Place, _ step: EventStep) {
            let read = cache[place]
            let age = read.map { Duration.milliseconds(max(0, $0.timestamp.milliseconds(until: now))) }
            observer.didTakeStep(
                StepObservation(
                    group: configuration.group, place: machine.state.named(place), type: read?.event?.type, step: step,
                    age: age))
        }
        for entry in page.entries {
            switch entry {
            case .succeeded(let partition, let offsets):
                for number in offsets.lowerBound.rawValue..<offsets.upperBound.rawValue {
                    tell(Place(partition, Offset(number)), .succeeded(reference: nil, isAdopted: false))
                }
            case .changed(let place, .parked):
                // The one it was to wait behind may be gone.
                guard case .parked(let blocker) = machine.state.events[place]?.status else { continue }
                tell(place, .parked(behind: blocker))
            case .changed(let place, _): if let step = EventStep(entry, about: place) { tell(place, step) }
            case .redriven(let id, let by, let note, let places):
                for place in places { tell(place, .redriven(id: id, by: by, note: note)) }
            case .stopped(let reason): observer.didStop(configuration.group, reason)
            case .resumed: observer.didResume(configuration.group)
            case .hastened(let place, let by, let note): tell(place, .hastened(by: by, note: note))
            case .opened, .closed, .partition, .lane, .byHand, .routes: break
            }
        }
    }

    func observeRedrive(_ count: Int, _ result: RedriveObservation.Result) {
        configuration.observer?.didRedrive(
            RedriveObservation(group: configuration.group, count: count, result: result))
    }
}
