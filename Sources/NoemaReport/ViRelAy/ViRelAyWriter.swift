internal import NoemaData
internal import NoemaTensor

extension ViRelAyProject {
  /// Writes the project as a folder of its own, which appears whole or not at all.
  ///
  /// - Throws: `ReportError` when the values do not fit together or the folder is taken, `DataError` when a file cannot
  ///   be written, and what reading images and attributions throws.
  public func write(to path: String) throws {
    try ResultFolder.make(at: path) { try write(into: $0) }
  }

  /// Writes the project into a result folder.
  ///
  /// - Parameter place: the sub-folder; the folder itself when empty.
  /// - Throws: as ``write(to:)``.
  public func write(into folder: ResultFolder, at place: String = "") throws {
    try check()
    let prefix = place.isEmpty ? "" : place + "/"
    let size = try writeData(to: folder.makePath(for: prefix + "data.h5"))
    try writeAttributions(to: folder.makePath(for: prefix + "attributions.h5"))
    try writeAnalysis(to: folder.makePath(for: prefix + "analysis.h5"))
    let map = classes.map { LabelEntry(index: $0.index, word_net_id: $0.category, name: $0.name) }
    try folder.write(try JSONText.of(map), to: prefix + "label-map.json")
    try folder.write(yaml(width: size.width, height: size.height), to: prefix + "project.yaml")
  }

  /// A class as the label map has it, in the keys that ViRelAy requires.
  private struct LabelEntry: Encodable {
    var index: Int
    var word_net_id: String
    var name: String
  }

  // MARK: Images

  /// Writes images as bytes, so that the viewer need not guess their range; grey ones in three equal channels, because
  /// it draws no others.
  private func writeData(to path: String) throws -> (width: Int, height: Int) {
    let writer = try HDF5Writer(path: path)
    let count = samples.labels.count
    try writer.write(numbers(samples.labels), to: "label", as: .uint16)
    var size: (width: Int, height: Int)?
    for start in stride(from: 0, to: count, by: batchSize) {
      let rows = start..<min(start + batchSize, count)
      let images = try samples.images(rows)
      guard images.count == rows.count else { throw fault("\(images.count) images for samples \(rows)") }
      for (row, image) in zip(rows, images) {
        let expected = size ?? (width: image.width, height: image.height)
        guard image.width == expected.width, image.height == expected.height else {
          throw fault(
            "sample \(row) has \(image.width) × \(image.height) pixels, those before \(expected.width) × "
              + "\(expected.height); resize them")
        }
        if size == nil {
          try checkExtents(height: image.height, width: image.width, channels: 3, what: "images")
          try writer.makeDataset("data", shape: [count, 3, image.height, image.width], element: .uint8)
          size = expected
        }
      }
      let pixels = images.flatMap { Self.planes($0.convertedToRGB()) }
      let extents = size ?? (width: 0, height: 0)
      try writer.append(
        Tensor(shape: [rows.count, 3, extents.height, extents.width], pixels), to: "data")
    }
    try writer.finish()
    return size ?? (width: 0, height: 0)
  }

  /// The pixels, channel after channel.
  private static func planes(_ image: Image) -> [UInt8] {
    let area = image.width * image.height
    return [UInt8](unsafeUninitializedCapacity: 3 * area) { target, count in
      image.pixels.withUnsafeBufferPointer { source in
        for channel in 0..<3 {
          for pixel in 0..<area { target[channel * area + pixel] = source[3 * pixel + channel] }
        }
      }
      count = 3 * area
    }
  }

  /// The viewer takes the first axis for channels only where no other is shorter.
  private func checkExtents(height: Int, width: Int, channels: Int, what: String) throws(ReportError) {
    guard channels > 0, min(height, width) >= channels else {
      throw fault(
        "\(what) of \(height) × \(width) with \(channels) channels; ViRelAy takes the shortest axis for channels"
      )
    }
  }

  // MARK: Attributions

  private func writeAttributions(to path: String) throws {
    let writer = try HDF5Writer(path: path)
    let count = attributions.samples.count
    // Rows that are samples in their order need no numbers, among which the viewer searches one by one.
    if attributions.samples != Array(0..<count) {
      try writer.write(numbers(attributions.samples), to: "index", as: .uint32)
    }
    try writer.write(numbers(attributions.labels), to: "label", as: .uint16)
    try writer.write(attributions.predictions.converted(to: .float32), to: "prediction")
    var shape: [Int]?
    for start in stride(from: 0, to: count, by: batchSize) {
      let rows = start..<min(start + batchSize, count)
      let maps = try channelled(try attributions.maps(rows), rows)
      let expected = shape ?? Array(maps.shape.dropFirst())
      guard Array(maps.shape.dropFirst()) == expected else {
        throw fault("attributions of shape \(maps.shape), those before \([rows.count] + expected)")
      }
      if shape == nil {
        try checkExtents(height: expected[1], width: expected[2], channels: expected[0], what: "attributions")
        try writer.makeDataset("attribution", shape: [count] + expected, element: .float32)
        shape = expected
      }
      try writer.append(maps, to: "attribution")
    }
    try writer.finish()
  }

  /// Rows as `[rows, channels, height, width]` in float32.
  ///
  /// Maps of one channel become three equal thirds: the viewer sums channels, but of its eight colour maps only one
  /// draws a single channel.
  private func channelled(_ given: Tensor, _ rows: Range<Int>) throws(ReportError) -> Tensor {
    guard [3, 4].contains(given.rank), given.shape[0] == rows.count, given.count > 0 else {
      throw fault("attributions of shape \(given.shape), expected [\(rows.count), channels, height, width]")
    }
    let maps = given.converted(to: .float32)
    if let place = maps.firstNonFinite() {
      let row = rows.lowerBound + place / (maps.count / rows.count)
      throw fault("the attribution for sample \(attributions.samples[row]) is NaN or infinite")
    }
    guard maps.rank == 3 || maps.shape[1] == 1 else { return maps }
    let (height, width) = (maps.shape[maps.rank - 2], maps.shape[maps.rank - 1])
    let area = height * width
    let thirds = maps.withElements(as: Float.self) { values in
      (0..<3 * values.count).map { place in values[place / (3 * area) * area + place % area] / 3 }
    }
    return Tensor(shape: [rows.count, 3, height, width], thirds)
  }

  // MARK: Analysis

  private func writeAnalysis(to path: String) throws {
    let writer = try HDF5Writer(path: path)
    let names = Dictionary(uniqueKeysWithValues: classes.map { ($0.index, $0.category) })
    for category in categories {
      let group = names[category.label] ?? ""
      try writer.write(numbers(category.samples), to: "\(group)/index", as: .uint32)
      for embedding in category.embeddings {
        try write(embedding, to: "\(group)/embedding/\(embedding.name)", by: writer)
      }
      let widths = Dictionary(uniqueKeysWithValues: category.embeddings.map { ($0.name, $0.values.shape[1]) })
      for clustering in category.clusterings {
        let path = "\(group)/cluster/\(clustering.name)"
        try writer.write(numbers(clustering.labels), to: path, as: .int32)
        try writer.setAttribute("embedding", of: path, to: clustering.base)
        if let count = clustering.clusterCount {
          try writer.setAttribute("k", of: path, to: Tensor(Int64(count)))
        }
        let columns = Array(0..<(widths[clustering.base] ?? 0))
        try writer.setAttribute("index", of: path, to: numbers(columns), as: .uint32)
      }
    }
    try writer.finish()
  }

  /// Spectral embeddings are written from the last eigenvalue to the first, as CoRelAy has them: the viewer plots
  /// eigenvalues from the end.
  private func write(_ embedding: Embedding, to path: String, by writer: HDF5Writer) throws {
    let values = embedding.values.converted(to: .float32)
    guard !embedding.eigenvalues.isEmpty else {
      try writer.write(values, to: path)
      guard let base = embedding.base else { return }
      try writer.setAttribute("embedding", of: path, to: base)
      return try writer.setAttribute(
        "index", of: path, to: numbers(Array(0..<values.shape[1])), as: .uint32)
    }
    let (count, width) = (values.shape[0], values.shape[1])
    let elements = values.elements(as: Float.self)
    let reversed = (0..<count).flatMap { row in elements[row * width..<(row + 1) * width].reversed() }
    try writer.write(Tensor(shape: [count, width], reversed), to: path)
    let eigenvalues = embedding.eigenvalues.reversed().map { Float($0) }
    try writer.setAttribute("eigenvalue", of: path, to: Tensor(shape: [width], eigenvalues))
  }

  private func numbers(_ values: [Int]) -> Tensor { Tensor(shape: [values.count], values.map { Int64($0) }) }

  // MARK: Project file

  private func yaml(width: Int, height: Int) -> String {
    """
    project:
      name: \(Self.quoted(name))
      model: \(Self.quoted(model))
      label_map: label-map.json
      dataset:
        name: \(Self.quoted(dataset))
        type: hdf5
        path: data.h5
        input_width: \(width)
        input_height: \(height)
        up_sampling_method: none
        down_sampling_method: none
        label_index_regex: null
        label_word_net_id_regex: null
      attributions:
        attribution_method: \(Self.quoted(attributions.method))
        attribution_strategy: \(attributions.strategy.rawValue)
        sources: [attributions.h5]
      analyses:
        - analysis_method: \(Self.quoted(analysisMethod))
          sources: [analysis.h5]

    """
  }

  /// The text in double quotes and plain ASCII, which no YAML reader takes for anything else.
  private static func quoted(_ text: String) -> String {
    var result = "\""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\"", "\\": result += "\\\(scalar)"
      case " "..."~": result.unicodeScalars.append(scalar)
      default:
        let digits = String(scalar.value, radix: 16)
        result += "\\U" + String(repeating: "0", count: 8 - digits.count) + digits
      }
    }
    return result + "\""
  }
}
