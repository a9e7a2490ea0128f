/// Suggestions for mistyped names.
public enum EditDistance {
  /// The number of insertions, deletions, substitutions and swaps of neighbours between two words.
  public static func between(_ a: String, _ b: String) -> Int {
    let x = Array(a.lowercased()), y = Array(b.lowercased())
    var rows = [Array(0...y.count)]
    for i in x.indices {
      var row = [i + 1]
      for j in y.indices {
        var best = min(rows[i][j + 1] + 1, row[j] + 1, rows[i][j] + (x[i] == y[j] ? 0 : 1))
        if i > 0, j > 0, x[i] == y[j - 1], x[i - 1] == y[j] { best = min(best, rows[i - 1][j - 1] + 1) }
        row.append(best)
      }
      rows.append(row)
    }
    return rows[x.count][y.count]
  }

  /// Up to three candidates that a mistyped name may have meant, nearest first.
  public static func nearest(_ name: String, in candidates: [String]) -> [String] {
    let query = name.lowercased()
    var seen: Set<String> = []
    let ranked = candidates.filter { !$0.isEmpty && seen.insert($0).inserted }.map {
      candidate -> (String, Int) in
      let isPart =
        !query.isEmpty && (candidate.lowercased().contains(query) || query.contains(candidate.lowercased()))
      return (candidate, isPart ? 1 : between(query, candidate))
    }
    return ranked.filter { $0.1 <= max(2, name.count / 2) }.sorted { ($0.1, $0.0.count) < ($1.1, $1.0.count) }
      .prefix(3).map(\.0)
  }
}
