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

  /// The clauses, in the order in which they came.
  var members: [Member] { slots.compactMap(\.self) }
  private(set) var count = 0
  /// Nil where a clause became redundant.
  private var slots: [Member?] = []
  private var places: [Clause: Int] = [:]

  init() {}

  init(_ members: [Member]) { for member in members { insert(member) } }

  /// Takes up a clause, unless it is redundant, and leaves out those that it makes so. Of equals the larger confidence
  /// stays.
  mutating func insert(_ member: Member) {
    if let place = places[member.clause] {
      let known = slots[place]?.confidence ?? 0
      slots[place]?.confidence = max(known, member.confidence)
      return
    }
    if slots.contains(where: { $0?.subsumes(member) ?? false }) { return }
    for place in slots.indices {
      guard let other = slots[place], member.subsumes(other) else { continue }
      slots[place] = nil
      places[other.clause] = nil
      count -= 1
    }
    // Gaps are closed before they outnumber what is left.
    if slots.count > 2 * count + 16 {
      slots = slots.filter { $0 != nil }
      for (place, slot) in slots.enumerated() { if let slot { places[slot.clause] = place } }
    }
    places[member.clause] = slots.count
    slots.append(member)
    count += 1
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
