internal import NoemaData
internal import NoemaTensor

extension SpRAYPage {
  /// Writes numbers, arrays, page, figures and notebook.
  ///
  /// | file | content |
  /// |---|---|
  /// | `result.json` | ``SpRAYRecord``, and what is said about the run |
  /// | `assignments.csv` | one row an example, class after class |
  /// | `embedding.npy` | float32 `[rows, 2]`: places in the plane, in the order of the assignments |
  /// | `eigenvectors.npy` | float64 `[rows, dimensions]`, NaN behind the last dimension of a class |
  /// | `mean-maps.npy` | float32 `[clusters, height, width]`; a cluster's `meanMapIndex` points there |
  ///
  /// - Parameter run: what is to be said about how the analysis was run, under the key `run`.
  /// - Throws: `ReportError` or `DataError` when the folder cannot be written, and what encoding an image throws.
  public func write(into folder: ResultFolder, run: some Encodable) throws {
    let drawings = figures
    let svgs = drawings.map(\.svg)
    let export = PNGExport.isAvailable ? PNGExport.Batch(svgs) : nil
    let (record, maps) = recordWithMaps
    try folder.write(try JSONText.of(RecordWithRun(record: record, run: run)), to: "result.json")
    try folder.write(assignments, to: "assignments.csv")
    try NPYFile.write(places, to: try folder.makePath(for: "embedding.npy"))
    if let eigenvectors { try NPYFile.write(eigenvectors, to: try folder.makePath(for: "eigenvectors.npy")) }
    if let maps { try NPYFile.write(maps, to: try folder.makePath(for: "mean-maps.npy")) }
    try folder.write(try html(), to: "report.html")
    for (drawing, svg) in zip(drawings, svgs) { try folder.write(svg, to: "figures/\(drawing.name).svg") }
    let pngs = Dictionary(uniqueKeysWithValues: zip(drawings.map(\.name), try export?.wait() ?? []))
    for (name, png) in pngs { try folder.write(png, to: "figures/\(name).png") }
    try folder.write(try notebook(pngs: pngs), to: "report.ipynb")
  }

  /// The record with the places of its clusters' mean maps, and those maps; none unless all have one size.
  private var recordWithMaps: (SpRAYRecord, Tensor?) {
    var record = report.record
    var values: [Float] = []
    var shapes: Set<[Int]> = []
    var count = 0
    for (index, group) in report.groups.enumerated() {
      for (cluster, gallery) in group.galleries.enumerated() {
        guard let map = gallery.mean.map else { continue }
        values += map.values
        shapes.insert([map.height, map.width])
        record.classes[index].clusters[cluster].meanMapIndex = count
        count += 1
      }
    }
    guard shapes.count == 1, let shape = shapes.first else { return (report.record, nil) }
    return (record, Tensor(shape: [count] + shape, values))
  }

  private var places: Tensor {
    let values = report.groups.flatMap { $0.places.converted(to: .float32).elements(as: Float.self) }
    return Tensor(shape: [values.count / 2, 2], values)
  }

  private var eigenvectors: Tensor? {
    let width = report.groups.compactMap { $0.eigenvectors?.shape[1] }.max() ?? 0
    guard width > 0 else { return nil }
    var values: [Double] = []
    for group in report.groups {
      let own = group.eigenvectors?.converted(to: .float64).elements(as: Double.self) ?? []
      let columns = own.count / group.members.count
      for row in group.members.indices {
        values += own[row * columns..<(row + 1) * columns]
        values += [Double](repeating: .nan, count: width - columns)
      }
    }
    return Tensor(shape: [values.count / width, width], values)
  }

  private var assignments: String {
    var text = "example,class,cluster,distance,silhouette,classIndex,name,label,prediction\n"
    for (result, group) in zip(report.record.classes, report.groups) {
      for member in group.members {
        let fields = [
          "\(member.example)", Self.field(result.name), "\(member.cluster)", Self.field(member.distance),
          Self.field(member.silhouette), "\(result.classIndex)", Self.field(member.name),
          Self.field(member.label), Self.field(member.prediction),
        ]
        text += fields.joined(separator: ",") + "\n"
      }
    }
    return text
  }

  private static func field(_ value: Double) -> String { value.isFinite ? "\(value)" : "" }

  /// A field of a table as RFC 4180 has it.
  private static func field(_ text: String) -> String {
    let needsQuotes = text.unicodeScalars.contains { [",", "\"", "\n", "\r"].contains($0) }
    return needsQuotes ? "\"" + text.replacing("\"", with: "\"\"") + "\"" : text
  }
}

private struct RecordWithRun<Run: Encodable>: Encodable {
  var record: SpRAYRecord
  var run: Run

  enum CodingKeys: String, CodingKey { case run }

  func encode(to encoder: any Encoder) throws {
    try record.encode(to: encoder)
    var container = encoder.container(keyedBy: CodingKeys.self)
    try container.encode(run, forKey: .run)
  }
}
