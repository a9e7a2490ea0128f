public import NoemaAttribution
internal import NoemaData
internal import NoemaGraph
internal import NoemaTensor

extension ConceptDiscovery {
  /// Finds concepts at the layers of a subject.
  ///
  /// - Throws: `ConceptError.tooFew` for a class of too few examples and for fewer patches than concepts, `.parameters`
  ///   for settings out of range and examples that are smaller than their segments, `.degenerate` when all patches have
  ///   the same activations; `DataError` for unreadable examples, `GraphError` for a network that does not take them.
  public func discover(
    in subject: DiscoverySubject, progress: Progress? = nil
  ) throws -> DiscoveredConcepts {
    try validate()
    guard !subject.layers.isEmpty else {
      throw ConceptError(.tooFew(set: "the list of layers", found: 0, needed: 1))
    }
    let reader = try PatchFeatures(subject)
    var warnings: [String] = []
    let (discovery, held) = try examples(of: subject, &warnings)
    let cutting = try cutting(subject, discovery)
    let cut = try cutting(subject.examples, discovery, phase: "segments", progress)
    try check(cut.read.count, of: subject)
    let unreadable = subject.skipsBad ? cutting.unreadable(subject.examples, held) : [:]
    let heldOut = held.filter { unreadable[$0] == nil }
    let patches = try patches(cut, cutting, room: reader.limit, &warnings)
    guard patches.count >= conceptCount else {
      throw ConceptError(.tooFew(set: "the set of patches", found: patches.count, needed: conceptCount))
    }
    if patches.count < 2 * conceptCount {
      warnings.append(
        "\(patches.count) patches are few for \(conceptCount) concepts; seek fewer, or add examples")
    }
    let features = try reader(patches, phase: "patches", progress)
    var layers: [LayerConcepts] = []
    for index in features.indices {
      progress?("concepts", index, features.count)
      layers.append(try concepts(subject, index, features[index], patches, cut.read.count, &warnings))
    }
    progress?("concepts", features.count, features.count)
    return DiscoveredConcepts(
      discovery: self, target: subject.target, patches: patches, discoveryExamples: cut.read,
      heldOutExamples: heldOut, cutting: cutting, layers: layers,
      skipped: cut.skipped + unreadable.sorted { $0.key < $1.key }.map(\.value),
      warnings: warnings)
  }

  // MARK: Examples and patches

  /// Examples to seek concepts in, and to hold out; the same example under two names counts once.
  private func examples(
    of subject: DiscoverySubject, _ warnings: inout [String]
  ) throws(ConceptError) -> (discovery: [Int], heldOut: [Int]) {
    var seen: Set<String> = []
    let distinct = subject.examples.contentHashes().enumerated().filter { _, hash in
      hash.map { seen.insert($0).inserted } ?? true
    }.map(\.offset)
    let copies = subject.examples.count - distinct.count
    if copies > 0 { warnings.append("\(copies) examples are copies of others and were left out") }
    try check(distinct.count, of: subject, needed: minimumExamples)
    return split(distinct)
  }

  private func check(_ count: Int, of subject: DiscoverySubject, needed: Int = 1) throws(ConceptError) {
    guard count >= needed else {
      throw ConceptError(.tooFew(set: "class '\(subject.target.name)'", found: count, needed: needed))
    }
  }

  private func cutting(_ subject: DiscoverySubject, _ indices: [Int]) throws -> SegmentCutting {
    let layout = try subject.layout()
    let cutter = PatchCutter(fill: try fill ?? subject.fill(layout, indices), fit: fit)
    try cutter.fill.validate(layout)
    return SegmentCutting(
      layout: layout, segmenter: try subject.segmenter(superpixels), choice: choice, cutter: cutter,
      memory: subject.memory / 16, preprocessing: subject.preprocessing, skipsBad: subject.skipsBad)
  }

  /// As many patches as have room, drawn from all.
  private func patches(
    _ cut: SegmentCutting.Outcome, _ cutting: SegmentCutting, room: Int, _ warnings: inout [String]
  ) throws(ConceptError) -> PatchExamples {
    let count = cut.patches.count
    guard count > room else { return cut.patches }
    warnings.append(
      "activations of \(room) of \(count) patches fit the memory, so as many were drawn; raise --memory for all"
    )
    var random = RandomNumbers(seed: seed).split(2)
    let drawn = random.sample(room, below: count).sorted()
    return try cutting.examples(cut.patches.base, drawn.map { cut.patches.patches[$0] })
  }

  // MARK: Concepts

  private func concepts(
    _ subject: DiscoverySubject, _ index: Int, _ features: PointSet, _ patches: PatchExamples,
    _ examples: Int,
    _ warnings: inout [String]
  ) throws(ConceptError) -> LayerConcepts {
    let layer = subject.layers[index]
    let dictionary: LearnedDictionary
    do throws(ConceptError) { dictionary = try recipe.learn(features) } catch {
      throw ConceptError(error.kind, at: layer.name)
    }
    if dictionary.conceptCount < conceptCount {
      warnings.append(
        "\(layer.name): the patches have \(dictionary.conceptCount) different concepts at most, not \(conceptCount)"
      )
    }
    let membership = try dictionary.members(features)
    var rows = [[Int]](repeating: [], count: dictionary.conceptCount)
    for (patch, label) in membership.labels.enumerated() where label >= 0 { rows[label].append(patch) }
    let costs = membership.costs
    for concept in rows.indices {
      rows[concept].sort { costs[$0] == costs[$1] ? $0 < $1 : costs[$0] < costs[$1] }
    }
    let clusters = rows.enumerated().map { atom, rows -> ConceptCluster in
      let sources = Set(rows.map { patches.patches[$0].example }).count
      return ConceptCluster(
        atom: atom, size: rows.count, exampleCount: sources, spread: Statistics.mean(rows.map { costs[$0] }),
        verdict: filter(size: rows.count, examples: sources, of: examples))
    }
    let kept = clusters.filter { $0.verdict == .kept }.sorted { ($1.size, $0.atom) < ($0.size, $1.atom) }
    if kept.isEmpty {
      let small = clusters.count { $0.verdict == .tooSmall }
      warnings.append(
        "\(layer.name): no concept was kept; \(small) of \(clusters.count) are too small and "
          + "\(clusters.count - small) come from too few examples. Add examples, or seek fewer concepts")
    }
    var names = ConceptNames()
    return LayerConcepts(
      layer: layer.name, onnxValue: layer.onnxValue, shape: Array(layer.shape.dropFirst()),
      hasChannelsLast: subject.hasChannelsLast(rank: layer.shape.count), dictionary: dictionary,
      features: features, membership: membership, clusters: clusters,
      concepts: kept.map { cluster in
        let rows = rows[cluster.atom]
        let best = Array(rows.prefix(prunedSize))
        return DiscoveredConcept(
          name: names.name(patches, best[0]), atom: cluster.atom, size: cluster.size,
          exampleCount: cluster.exampleCount, members: best.map { .init(patch: $0, cost: costs[$0]) },
          exemplars: Self.exemplars(best) { patches.patches[$0].example })
      }, fit: try dictionary.fit(of: features))
  }

  /// The first patch of each example, then the others.
  private static func exemplars(_ patches: [Int], _ example: (Int) -> Int) -> [Int] {
    var (seen, first, rest) = (Set<Int>(), [Int](), [Int]())
    for patch in patches {
      if seen.insert(example(patch)).inserted { first.append(patch) } else { rest.append(patch) }
    }
    return first + rest
  }
}

/// Names concepts by their best patch, each name once, of letters that folders may have.
private struct ConceptNames {
  private var taken: Set<String> = []

  mutating func name(_ patches: PatchExamples, _ index: Int) -> String {
    let patch = patches.patches[index]
    let file = patches.base.name(of: patch.example).split(separator: "/").last.map(String.init) ?? ""
    // Rows of an array are `images.npy[12]`.
    let row = file.lastIndex(of: "[").map { String(file[$0...]) } ?? ""
    let base = String(file.dropLast(row.count))
    let stem = base.lastIndex(of: ".").map { $0 > base.startIndex ? String(base[..<$0]) : base } ?? base
    let words = (stem + row).split { !($0.isLetter || $0.isNumber || $0 == "_" || $0 == "-") }
    let name = "\(words.isEmpty ? "example-\(patch.example)" : words.joined(separator: "-"))-s\(patch.number)"
    var (unique, count) = (name, 1)
    while !taken.insert(unique).inserted {
      count += 1
      unique = "\(name)-\(count)"
    }
    return unique
  }
}
