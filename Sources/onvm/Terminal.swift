import ControlAPI
import Foundation

/// A terminal that reports keys as they are pressed; `restore` gives it back as it was.
struct Terminal {
    private let original: termios

    init() {
        var settings = termios()
        _ = unsafe tcgetattr(STDIN_FILENO, &settings)
        original = settings
        // ctrl-C comes as a key too, so that the terminal is always restored.
        settings.c_lflag &= ~tcflag_t(ICANON | ECHO | ISIG)
        _ = unsafe tcsetattr(STDIN_FILENO, TCSANOW, &settings)
        write("\u{1B}[?1049h\u{1B}[?25l")
    }

    func restore() {
        write("\u{1B}[?25h\u{1B}[?1049l")
        var settings = original
        _ = unsafe tcsetattr(STDIN_FILENO, TCSANOW, &settings)
    }

    var rows: Int {
        var size = winsize()
        return unsafe ioctl(STDOUT_FILENO, UInt(TIOCGWINSZ), &size) == 0 && size.ws_row > 0 ? Int(size.ws_row) : 24
    }

    /// Home, each line cleared to its end, the rest of the screen cleared: no flicker.
    func show(_ text: String) {
        let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
            .map { String($0).escapingControls() + "\u{1B}[K" }
        write("\u{1B}[H" + lines.joined(separator: "\r\n") + "\u{1B}[J")
    }

    /// Waits for the time to pass; true when q or ctrl-C was pressed, or the terminal is gone.
    func wantsToQuit(within seconds: Double) -> Bool {
        let deadline = Date(timeIntervalSinceNow: seconds)
        while true {
            let left = deadline.timeIntervalSinceNow
            guard left > 0 else { return false }
            var keyboard = pollfd(fd: STDIN_FILENO, events: Int16(POLLIN), revents: 0)
            guard unsafe poll(&keyboard, 1, CInt(left * 1_000) + 1) > 0 else { continue }
            var key: UInt8 = 0
            guard unsafe read(STDIN_FILENO, &key, 1) == 1 else { return true }
            if key == UInt8(ascii: "q") || key == 3 { return true }
        }
    }

    private func write(_ text: String) { FileHandle.standardOutput.write(Data(text.utf8)) }
}
