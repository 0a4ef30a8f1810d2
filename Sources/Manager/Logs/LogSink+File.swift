import Handover
import Linux
import Logging

/// Another file in the place of the one that is written.
extension LogSink {
    /// Opens the path again, as after logrotate(8) renamed what was there; or renames that first, when it has its size.
    func openFile(renaming: Bool = false) {
        guard let file else { return }
        guard !isOpening else {
            // A file that is opened anew is what a full one needs, too.
            isAskedAgain = isAskedAgain || !renaming
            return
        }
        isOpening = true
        do {
            try opener.open(file, renaming: renaming ? output.rawValue : nil)
        } catch {
            isOpening = false
            report("\(title): \(error)")
        }
    }

    func fileOpened() {
        while let result = opener.next() {
            isOpening = false
            switch result {
            case .failed(let problem):
                report(problem)
            case .opened(let descriptor, let wasRenamed):
                if wasRenamed { rotations += 1 }
                if lastProblem != nil { log.notice("\(title) is written again") }
                lastProblem = nil
                setOutput(descriptor)
            }
        }
        guard isAskedAgain else { return }
        isAskedAgain = false
        openFile()
    }

    /// Once for each problem: a full file is asked about every second.
    private func report(_ problem: String) {
        guard problem != lastProblem else { return }
        lastProblem = problem
        log.error("access_log \(problem); what was open stays in use")
    }
}
