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
    let export = PNGExport.isAvailable ? PNGExport.Batch(drawings.map(\.svg)) : nil
    let (record, maps) = recordWithMaps
    try folder.write(try JSONText.of(RecordWithRun(record: record, run: run)), to: "result.json")
    try folder.write(assignments, to: "assignments.csv")
    try NPYFile.write(places, to: try folder.makePath(for: "embedding.npy"))
    if let eigenvectors { try NPYFile.write(eigenvectors, to: try folder.makePath(for: "eigenvectors.npy")) }
    if let maps { try NPYFile.write(maps, to: try folder.makePath(for: "mean-maps.npy")) }
    try folder.write(try html(), to: "report.html")
    let pngs = try folder.write(drawings, pngs: export)
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
          "\(member.example)", Escape.csv(result.name), "\(member.cluster)", Self.field(member.distance),
          Self.field(member.silhouette), "\(result.classIndex)", Escape.csv(member.name),
          Escape.csv(member.label), Escape.csv(member.prediction),
        ]
        text += fields.joined(separator: ",") + "\n"
      }
    }
    return text
  }

  private static func field(_ value: Double) -> String { value.isFinite ? "\(value)" : "" }
}
