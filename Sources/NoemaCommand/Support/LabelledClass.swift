internal import Noema

extension Dataset {
  /// The examples that are labelled as a class; nil where there are no labels.
  ///
  /// - Parameters:
  ///   - name, index: the class's.
  ///   - text: what the user calls it.
  /// - Throws: `ConceptError.unknownName` when no example is labelled so, with the labels that there are.
  func rows(of name: String, index: Int, text: String) throws -> [Int]? {
    guard let labels else { return nil }
    let chosen = labels.indices.filter { row in
      labels[row] == name || labels[row] == text || labels[row] == String(index)
        || labels[row].lowercased() == name.lowercased()
    }
    guard !chosen.isEmpty else {
      let known = Array(Set(labels)).sorted()
      throw ConceptError(
        .unknownName(
          name,
          what:
            "label (the data has \(known.prefix(12).joined(separator: ", "))\(known.count > 12 ? ", …" : ""))",
          suggestions: EditDistance.nearest(name, in: known)), at: path)
    }
    return chosen
  }
}
