internal import NoemaGraph
internal import NoemaTensor

/// How the columns of a table reach the inputs of a network.
struct TableInputs: Sendable {
  /// One input of the network.
  struct Port: Sendable {
    let name: String
    /// The shape of one example.
    let shape: [Int]
    let element: ElementType
    /// What its numbers are, in order.
    let columns: [TableEncoding.Column]
    /// Where its columns begin among all.
    let start: Int
  }

  let features: [Feature]
  /// The inputs, in the order of the network's.
  let ports: [Port]
  /// The shapes of inputs that the file leaves open, with one example.
  let shapes: [String: [Int]]
  /// One entry a column of all inputs together, in the order of the table; empty for none.
  let scaling: [ColumnScaling]

  /// Finds how a table fits.
  ///
  /// - Throws: `RuleError` saying which shapes were found and expected; `GraphError` when the network has no graph.
  init(_ network: Network, _ features: [Feature], _ scaling: [ColumnScaling]?) throws {
    self.features = features
    (ports, shapes) =
      network.inputs.count == 1
      ? try TableInputs.whole(network, features) : try TableInputs.single(network, features)
    let width = ports.reduce(0) { $0 + $1.columns.count }
    if let scaling {
      guard scaling.count == width else {
        throw RuleError(
          .count(what: "scalings of the network's columns", found: scaling.count, expected: width))
      }
      if let index = scaling.firstIndex(where: { !$0.mean.isFinite || !$0.scale.isFinite || $0.scale == 0 }) {
        throw RuleError(
          .parameters(
            "column \(index + 1): mean and scale must be finite and the scale not 0, found \(scaling[index].mean) "
              + "and \(scaling[index].scale)"))
      }
    }
    self.scaling = scaling ?? []
  }

  // MARK: One input

  private static func whole(
    _ network: Network, _ features: [Feature]
  ) throws -> (ports: [Port], shapes: [String: [Int]]) {
    let input = network.inputs[0]
    let extents = input.dimensions
    let found = "[" + extents.map(\.description).joined(separator: ", ") + "]"
    func mismatch() -> RuleError {
      RuleError(
        .malformed(
          "the network takes \(found); a table of \(features.count) features needs [N, columns] with "
            + TableEncoding.expectation(features)),
        at: "input '\(input.name)'")
    }
    // Behind the columns there may be axes of one.
    guard extents.count >= 2 || features.count == 1, !extents.isEmpty else { throw mismatch() }
    let tail = extents.dropFirst(2).allSatisfy {
      if case .fixed(let extent) = $0 { extent == 1 } else { true }
    }
    guard tail else { throw mismatch() }
    for (_, columns) in TableEncoding.candidates(features) {
      if extents.count >= 2, case .fixed(let width) = extents[1], width != columns.count { continue }
      if extents.count == 1, columns.count != 1 { continue }
      let shape = extents.count == 1 ? [] : [columns.count] + extents.dropFirst(2).map { _ in 1 }
      let port = Port(name: input.name, shape: shape, element: input.element, columns: columns, start: 0)
      let isOpen = extents.dropFirst().contains { if case .named = $0 { true } else { false } }
      guard isOpen else { return ([port], [:]) }
      // The weights decide how wide an open axis is.
      let shapes = [input.name: [network.fixedBatch ?? 1] + shape]
      if (try? network.graph(batch: network.fixedBatch ?? 1, shapes: shapes)) != nil {
        return ([port], shapes)
      }
    }
    throw mismatch()
  }

  // MARK: An input a feature

  private static func single(
    _ network: Network, _ features: [Feature]
  ) throws -> (ports: [Port], shapes: [String: [Int]]) {
    let inputs = network.inputs
    let found =
      inputs.prefix(8).map { "'\($0.name)'" }.joined(separator: ", ") + (inputs.count > 8 ? ", …" : "")
    guard inputs.count == features.count, !inputs.isEmpty else {
      throw RuleError(
        .malformed(
          "the network has \(inputs.count) inputs (\(found)); a table of \(features.count) features needs one input "
            + "[N, columns], or one input [N, 1] a feature"))
    }
    var widths = [Int](repeating: 0, count: features.count)
    var places = [Int](repeating: 0, count: features.count)
    for (index, input) in inputs.enumerated() {
      let feature = try place(of: input.name, index, among: features, inputs.map(\.name))
      places[index] = feature
      widths[feature] = try width(input, features[feature])
    }
    var ports: [Port] = []
    var shapes: [String: [Int]] = [:]
    for (index, input) in inputs.enumerated() {
      let feature = places[index]
      let columns =
        widths[feature] == 1
        ? [TableEncoding.Column(feature: feature, level: nil)]
        : (0..<widths[feature]).map { TableEncoding.Column(feature: feature, level: $0) }
      let shape =
        input.dimensions.count < 2 ? [] : [columns.count] + input.dimensions.dropFirst(2).map { _ in 1 }
      ports.append(
        Port(
          name: input.name, shape: shape, element: input.element, columns: columns,
          start: widths[..<feature].reduce(0, +)))
      if input.dimensions.dropFirst().contains(where: { if case .named = $0 { true } else { false } }) {
        shapes[input.name] = [network.fixedBatch ?? 1] + shape
      }
    }
    return (ports, shapes)
  }

  /// Which feature an input is for: by name when all names are those of features, else by order when none is.
  private static func place(
    of name: String, _ index: Int, among features: [Feature], _ names: [String]
  ) throws(RuleError) -> Int {
    let known = features.map { plain($0.name) }
    let matches = names.count { known.contains(plain($0)) }
    if matches == 0 { return index }
    guard matches == names.count, Set(known).count == known.count, Set(names.map(plain)).count == names.count,
      let place = known.firstIndex(of: plain(name))
    else {
      let stranger = names.first { !known.contains(plain($0)) } ?? name
      throw RuleError(
        .malformed(
          "some inputs have the names of features, but '\(stranger)' is none of them or stands for two; "
            + "rename the features to the names of the inputs"))
    }
    return place
  }

  /// A name as exporters write it: without the output number of TensorFlow, other signs as underscores.
  private static func plain(_ name: String) -> String {
    let base = name.hasSuffix(":0") ? String(name.dropLast(2)) : name
    return String(base.map { $0.isLetter || $0.isNumber ? $0 : "_" })
  }

  private static func width(_ input: Network.Port, _ feature: Feature) throws(RuleError) -> Int {
    let extents = input.dimensions
    func fits(_ extent: Network.Dimension, _ width: Int) -> Bool {
      if case .fixed(let fixed) = extent { fixed == width } else { true }
    }
    let tail = extents.dropFirst(2).allSatisfy { fits($0, 1) }
    if tail, extents.count == 1 || extents.count >= 2 && fits(extents[1], 1) { return 1 }
    if tail, extents.count >= 2, case .categorical(let levels) = feature.kind, fits(extents[1], levels.count)
    {
      return levels.count
    }
    throw RuleError(
      .malformed(
        "it takes [\(extents.map(\.description).joined(separator: ", "))], expected [N, 1] for '\(feature.name)'"
          + (feature.isOrdered ? "" : ", or a column for each of its \(feature.levels?.count ?? 0) levels")),
      at: "input '\(input.name)'")
  }
}

// MARK: Rows
extension TableInputs {
  /// Bytes of one example.
  var byteCount: Int { ports.reduce(0) { $0 + $1.columns.count * $1.element.byteCount } }

  /// Rows of a table as the network reads them.
  ///
  /// - Parameter acceptsMissing: whether a missing value may go in, as NaN.
  /// - Throws: `RuleError.notFinite` naming row and feature of a value that is missing or that the element type of the
  ///   input cannot hold.
  func tensors(_ table: RuleTable, rows: Range<Int>, acceptsMissing: Bool) throws(RuleError) -> [Tensor] {
    var result: [Tensor] = []
    for port in ports {
      var elements: [Double] = []
      elements.reserveCapacity(rows.count * port.columns.count)
      for row in rows {
        for (index, column) in port.columns.enumerated() {
          let value = table[row, column.feature]
          let number = encoded(value, column, at: port.start + index)
          if let complaint = port.complaint(value, number, acceptsMissing) {
            throw RuleError(
              .notFinite(
                "row \(row + 1), column '\(features[column.feature].name)': the value is \(complaint)"))
          }
          elements.append(number)
        }
      }
      result.append(Tensor(shape: [rows.count] + port.shape, elements).converted(to: port.element))
    }
    return result
  }

  private func encoded(_ value: Double, _ column: TableEncoding.Column, at place: Int) -> Double {
    let number = column.level.map { value.isNaN ? .nan : value == Double($0) ? 1 : 0 } ?? value
    return scaling.isEmpty ? number : scaling[place](number)
  }
}

extension TableInputs.Port {
  /// What is wrong with a number; nil when the input can hold it.
  fileprivate func complaint(_ value: Double, _ number: Double, _ acceptsMissing: Bool) -> String? {
    if value.isNaN {
      return acceptsMissing && element.isFloat
        ? nil : "missing, and the network needs a number; fill it in, or leave the row out"
    }
    switch element {
    case .float64: return number.isFinite ? nil : "\(value), which scaling makes infinite"
    case .float32: return Float(number).isFinite ? nil : "beyond the range of float32"
    default:
      return number == number.rounded() && abs(number) <= 0x1p31
        ? nil : "\(number), and the input '\(name)' takes whole numbers (\(element))"
    }
  }
}
