internal import NoemaTensor

extension ViRelAyProject {
  /// Finds what ViRelAy could not open, or would show beside what it does not belong to.
  ///
  /// - Throws: `ReportError` of kind `input`.
  func check() throws(ReportError) {
    let known = Set(classes.map(\.index))
    try require(
      !classes.isEmpty && known.count == classes.count, "classes are needed, none with another's number")
    try require(
      classes.allSatisfy { (0...Int(UInt16.max)).contains($0.index) }, "class numbers are 0 to 65535")
    try require(
      Set(classes.map(\.category)).count == classes.count && classes.allSatisfy { Self.isName($0.category) },
      "WordNet identifiers are words without '/', one for each class")
    try require(batchSize > 0, "a batch has at least one sample")
    try require(
      !analysisMethod.isEmpty && !analysisMethod.contains("-"),
      "the analysis's name has no '-' and is not empty")
    try require(!samples.labels.isEmpty, "there are no samples")
    try checkLabels(samples.labels, known, of: "sample")
    try checkAttributions(known)
    try checkCategories(known)
  }

  private func checkAttributions(_ known: Set<Int>) throws(ReportError) {
    let rows = attributions.samples
    try require(!rows.isEmpty, "there are no attributions")
    try require(
      attributions.labels.count == rows.count,
      "\(attributions.labels.count) labels for \(rows.count) attributions")
    try checkLabels(attributions.labels, known, of: "attribution")
    if let stray = rows.first(where: { !samples.labels.indices.contains($0) }) {
      throw fault("an attribution for sample \(stray), but there are \(samples.labels.count) samples")
    }
    try require(Set(rows).count == rows.count, "two attributions for the same sample")
    let predictions = attributions.predictions
    try require(
      predictions.rank == 2 && predictions.shape[0] == rows.count && predictions.shape[1] > 0,
      "predictions of shape \(predictions.shape), expected [\(rows.count), outputs]")
    if let place = predictions.firstNonFinite() {
      throw fault("the prediction for sample \(rows[place / predictions.shape[1]]) is NaN or infinite")
    }
  }

  private func checkCategories(_ known: Set<Int>) throws(ReportError) {
    guard let first = categories.first else { throw fault("no class was analysed") }
    try require(
      Set(categories.map(\.label)).count == categories.count, "a class is analysed twice")
    try checkLabels(categories.map(\.label), known, of: "analysis")
    let explained = Set(attributions.samples)
    for category in categories {
      let place = "class \(category.label)"
      try require(!category.samples.isEmpty, "\(place) has no samples")
      if let stray = category.samples.first(where: { !explained.contains($0) }) {
        throw fault("\(place) has sample \(stray), for which there is no attribution")
      }
      let names = (category.embeddings.map(\.name), category.clusterings.map(\.name))
      for list in [names.0, names.1] {
        try require(
          !list.isEmpty && Set(list).count == list.count && list.allSatisfy(Self.isName),
          "\(place) needs embeddings and clusterings, with different names without '/'")
      }
      // ViRelAy takes the names of the first class for those of all.
      try require(
        Set(names.0) == Set(first.embeddings.map(\.name))
          && Set(names.1) == Set(first.clusterings.map(\.name)),
        "\(place) has other embeddings or clusterings than class \(first.label); ViRelAy wants the same in all"
      )
      for embedding in category.embeddings { try check(embedding, category, place) }
      for clustering in category.clusterings {
        try require(
          clustering.labels.count == category.samples.count,
          "\(place): \(clustering.labels.count) labels in '\(clustering.name)' for \(category.samples.count) samples"
        )
      }
    }
  }

  private func check(_ embedding: Embedding, _ category: Category, _ place: String) throws(ReportError) {
    let shape = embedding.values.shape, count = embedding.eigenvalues.count
    let place = "\(place), embedding '\(embedding.name)'"
    try require(
      shape.count == 2 && shape[0] == category.samples.count && shape[1] > 0,
      "\(place): shape \(shape), expected [\(category.samples.count), dimensions]")
    try require(embedding.values.firstNonFinite() == nil, "\(place): a value is NaN or infinite")
    try require(
      count == 0 || count == shape[1], "\(place): \(count) eigenvalues for \(shape[1]) dimensions")
    let pairs = zip(embedding.eigenvalues, embedding.eigenvalues.dropFirst())
    try require(
      embedding.eigenvalues.allSatisfy(\.isFinite) && pairs.allSatisfy { $0 <= $1 },
      "\(place): eigenvalues are not ascending")
  }

  private func checkLabels(_ labels: [Int], _ known: Set<Int>, of what: String) throws(ReportError) {
    if let stray = labels.first(where: { !known.contains($0) }) {
      throw fault("a label \(stray) of a \(what), which is no class")
    }
  }

  private func require(_ holds: Bool, _ text: @autoclosure () -> String) throws(ReportError) {
    if !holds { throw fault(text()) }
  }

  func fault(_ text: String) -> ReportError { ReportError(.input(text), at: "ViRelAy project") }

  /// Whether a text can be the name of an object of an HDF5 file.
  private static func isName(_ text: String) -> Bool {
    !text.isEmpty && text != "." && text != ".." && !text.contains("/") && !text.utf8.contains(0)
  }
}
