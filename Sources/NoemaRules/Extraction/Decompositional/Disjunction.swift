/// Clauses over one layer of which any may hold: no two alike, none that another one makes redundant.
struct Disjunction: Sendable {
  /// One clause.
  struct Member: Sendable {
    let clause: Clause
    var confidence: Double
    /// The examples that it covers.
    let rows: RowSet
    /// The features it speaks about, as bits that several may share.
    let mask: UInt64

    init(_ clause: Clause, confidence: Double, rows: RowSet) {
      (self.clause, self.confidence, self.rows) = (clause, confidence, rows)
      mask = clause.conditions.reduce(0) { $0 | 1 << UInt64($1.feature & 63) }
    }

    /// Whether this clause makes the other one redundant.
    func subsumes(_ other: Member) -> Bool { mask & ~other.mask == 0 && clause.subsumes(other.clause) }
  }

  private(set) var members: [Member] = []
  private var places: [Clause: Int] = [:]

  init() {}

  init(_ members: [Member]) { for member in members { insert(member) } }

  /// Takes up a clause, unless it is redundant, and leaves out those that it makes so. Of equals the larger confidence
  /// stays.
  mutating func insert(_ member: Member) {
    if let place = places[member.clause] {
      members[place].confidence = max(members[place].confidence, member.confidence)
      return
    }
    if members.contains(where: { $0.subsumes(member) }) { return }
    if members.contains(where: { member.subsumes($0) }) {
      members.removeAll { member.subsumes($0) }
      places = Dictionary(uniqueKeysWithValues: members.enumerated().map { ($1.clause, $0) })
    }
    places[member.clause] = members.count
    members.append(member)
  }

  /// The distinct terms, in the order in which they come.
  var terms: [Term] {
    var seen: Set<Term> = []
    return members.flatMap(\.clause.terms).filter { seen.insert($0).inserted }
  }

  /// For each term the least confidence of the clauses that contain it.
  var priors: [Term: Double] {
    var result: [Term: Double] = [:]
    for member in members {
      for term in member.clause.terms { result[term] = min(result[term] ?? 1, member.confidence) }
    }
    return result
  }
}
