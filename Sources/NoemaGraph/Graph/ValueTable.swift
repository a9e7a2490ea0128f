/// Something known of some of a graph's values, found by the value's position.
public struct ValueTable<Element: Sendable>: Sendable {
  private var entries: [Element?]

  /// Makes an empty table for values of a graph.
  ///
  /// - Parameter count: `Graph.valueCount`.
  init(count: Int) { entries = Array(repeating: nil, count: count) }

  /// The entry of a value; nil for values without one, and for those made after the table.
  public subscript(value: Value) -> Element? {
    get { entries.indices.contains(value.id) ? entries[value.id] : nil }
    set { entries[value.id] = newValue }
  }

  /// Changes the entry of a value in place.
  mutating func update(_ value: Value, default initial: Element, _ change: (inout Element) -> Void) {
    var element = entries[value.id] ?? initial
    entries[value.id] = nil
    change(&element)
    entries[value.id] = element
  }
}
