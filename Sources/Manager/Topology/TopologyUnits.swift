/// Scalars with units, as topology files write them.
enum TopologyUnits {
    static let durationForm = "a duration with its unit, such as 500ms, 60s, 5m or 1h"

    static func milliseconds(_ text: String) -> Int? {
        scaled(text, by: ["ms": 1, "s": 1_000, "m": 60_000, "h": 3_600_000])
    }

    static let sizeForm = "a size with its unit, such as 512KiB, 100MiB or 1GiB"

    static func byteCount(_ text: String) -> Int? {
        scaled(
            text,
            by: [
                "B": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30, "TiB": 1 << 40, "kB": 1_000, "MB": 1_000_000,
                "GB": 1_000_000_000,
            ])
    }

    static func describe(byteCount: Int) -> String {
        let units = [("TiB", 1 << 40), ("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)]
        guard let (name, size) = units.first(where: { byteCount % $0.1 == 0 && byteCount >= $0.1 }) else {
            return "\(byteCount)B"
        }
        return "\(byteCount / size)\(name)"
    }

    static let rateForm = "a rate with its unit, such as 100MB/s or 800Mbit/s"

    static func bytesPerSecond(_ text: String) -> Int? {
        guard text.hasSuffix("/s") else { return nil }
        let amount = String(text.dropLast(2))
        if let bytes = byteCount(amount) { return bytes }
        let bits = ["bit": 1, "kbit": 1_000, "Mbit": 1_000_000, "Gbit": 1_000_000_000]
        return scaled(amount, by: bits).map { $0 / 8 }
    }

    static let percentForm = "a part of one core, such as 50%"

    static func percent(_ text: String) -> Int? { scaled(text, by: ["%": 1]) }

    private static func scaled(_ text: String, by units: [String: Int]) -> Int? {
        let digits = text.prefix { $0.isASCII && $0.isNumber }
        guard let number = Int(digits), let unit = units[String(text.dropFirst(digits.count))] else { return nil }
        let (value, overflow) = number.multipliedReportingOverflow(by: unit)
        return overflow ? nil : value
    }
}

extension String {
    /// The closest of `candidates`, if it is close enough to be what was meant.
    func nearest(of candidates: [String]) -> String? {
        let ranked = candidates.map { (name: $0, distance: editDistance(to: $0)) }.min { $0.distance < $1.distance }
        guard let ranked, ranked.distance <= Swift.max(1, count / 3) else { return nil }
        return ranked.name
    }

    /// Changes of one byte and swaps of neighbours that turn one into the other (optimal string alignment distance).
    private func editDistance(to other: String) -> Int {
        let (left, right) = (Array(utf8.prefix(64)), Array(other.utf8))
        var rows = [[Int]](repeating: Array(0...right.count), count: left.count + 1)
        for i in 0..<left.count {
            rows[i + 1][0] = i + 1
            for j in 0..<right.count {
                let substitution = rows[i][j] + (left[i] == right[j] ? 0 : 1)
                rows[i + 1][j + 1] = Swift.min(substitution, rows[i][j + 1] + 1, rows[i + 1][j] + 1)
                if i > 0, j > 0, left[i] == right[j - 1], left[i - 1] == right[j] {
                    rows[i + 1][j + 1] = Swift.min(rows[i + 1][j + 1], rows[i - 1][j - 1] + 1)
                }
            }
        }
        return rows[left.count][right.count]
    }
}
