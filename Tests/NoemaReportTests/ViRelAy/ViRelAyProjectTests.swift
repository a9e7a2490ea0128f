import Foundation
import NoemaData
import NoemaReport
import NoemaTensor
import Testing

/// A made-up analysis of two of three classes over seven samples, six of them with attributions.
private func project(channels: Int = 3, isGrey: Bool = false) -> ViRelAyProject {
  let labels = [0, 2, 0, 2, 0, 1, 2]
  let explained = [6, 0, 1, 2, 3, 4]
  func category(_ label: Int) -> ViRelAyProject.Category {
    let members = explained.filter { labels[$0] == label }
    let spectral = (0..<members.count * 4).map { Double($0) + Double(label) / 10 }
    return ViRelAyProject.Category(
      label: label, samples: members,
      embeddings: [
        .init(
          name: "spectral", values: Tensor(shape: [members.count, 4], spectral),
          eigenvalues: [0, 0.25, 0.5, 1]),
        .init(
          name: "tsne", values: Tensor(shape: [members.count, 2], repeating: Float(label)), base: "spectral"),
      ],
      clusterings: [
        .init(name: "kmeans-02", labels: members.map { $0 % 2 }, clusterCount: 2),
        .init(name: "hdbscan", labels: members.map { _ in -1 }),
      ])
  }
  return ViRelAyProject(
    name: "tag: \"ä\"\n# no comment", model: "cnn", dataset: "made up",
    classes: [
      .init(index: 0, name: "zero"), .init(index: 1, name: "one"),
      .init(index: 2, name: "two", wordNetID: "n02691156"),
    ],
    samples: .init(labels: labels) { rows in
      rows.map { row in
        let count = isGrey ? 1 : 3
        return Image(
          width: 4, height: 5, channelCount: count,
          pixels: (0..<20 * count).map { UInt8($0 + 100 * (row % 2)) })
      }
    },
    attributions: .init(
      method: "lrp", strategy: .trueLabel, samples: explained, labels: explained.map { labels[$0] },
      predictions: Tensor(shape: [6, 3], (0..<18).map { Double($0) })
    ) { rows in
      let values = rows.flatMap { row in (0..<channels * 20).map { Float($0) - Float(row) } }
      return channels == 1
        ? Tensor(shape: [rows.count, 5, 4], values) : Tensor(shape: [rows.count, channels, 5, 4], values)
    }, categories: [category(0), category(2)])
}

private func withFolder(_ body: (String) throws -> Void) throws {
  let folder = FileManager.default.temporaryDirectory.path + "/noema-virelay-\(UUID().uuidString)"
  try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
  defer { try? FileManager.default.removeItem(atPath: folder) }
  try body(folder)
}

private func integers(_ file: HDF5File, _ path: String) throws -> [Int64] {
  try file.read(path).converted(to: .int64).elements(as: Int64.self)
}

/// Everything that ViRelAy's loader asks of the files, and that its viewer asks of what they hold.
private func checkSchema(_ folder: String) throws {
  let data = try HDF5File(folder + "/data.h5"), attributions = try HDF5File(folder + "/attributions.h5")
  let analysis = try HDF5File(folder + "/analysis.h5")
  let images = try data.dataset("data"), maps = try attributions.dataset("attribution")
  #expect(images.element == .uint8 && images.shape.count == 4 && images.shape[1] == 3)
  #expect(try data.dataset("label") == HDF5Dataset(shape: [images.shape[0]], element: .uint16))
  #expect(maps.element == .float32 && maps.shape.count == 4 && maps.shape[1] == 3)
  let count = maps.shape[0]
  #expect(try attributions.dataset("label") == HDF5Dataset(shape: [count], element: .uint16))
  #expect(try attributions.dataset("index") == HDF5Dataset(shape: [count], element: .uint32))
  let predictions = try attributions.dataset("prediction")
  #expect(predictions.element == .float32 && predictions.shape.count == 2 && predictions.shape[0] == count)
  let index = try integers(attributions, "index")
  #expect(index.allSatisfy { (0..<Int64(images.shape[0])).contains($0) } && Set(index).count == count)

  let bytes = try Data(contentsOf: URL(fileURLWithPath: folder + "/label-map.json"))
  let map = try #require(try JSONSerialization.jsonObject(with: bytes) as? [[String: Any]])
  #expect(map.allSatisfy { Set($0.keys) == ["index", "word_net_id", "name"] })
  let known = Set(map.compactMap { $0["index"] as? Int }.map { Int64($0) })
  #expect(known.count == map.count)
  #expect(try known.isSuperset(of: integers(data, "label") + integers(attributions, "label")))

  let categories = try analysis.names()
  let identifiers = Set(map.compactMap { $0["word_net_id"] as? String })
  #expect(!categories.isEmpty && identifiers.isSuperset(of: categories) && identifiers.count == map.count)
  for category in categories {
    #expect(try analysis.names(in: category) == ["cluster", "embedding", "index"])
    let members = try analysis.dataset("\(category)/index")
    #expect(members.element == .uint32 && members.shape.count == 1)
    #expect(try Set(index).isSuperset(of: integers(analysis, "\(category)/index")))
    for part in ["embedding", "cluster"] {
      let names = try analysis.names(in: "\(category)/\(part)")
      #expect(try !names.isEmpty && names == analysis.names(in: "\(categories[0])/\(part)"))
      for name in names {
        let path = "\(category)/\(part)/\(name)"
        let found = try analysis.dataset(path)
        #expect(found.shape[0] == members.shape[0])
        #expect(part == "cluster" ? found.element == .int32 : found.element == .float32)
        #expect(found.shape.count == (part == "cluster" ? 1 : 2))
      }
    }
    let path = "\(category)/embedding/spectral"
    guard case .numbers(let eigenvalues) = try analysis.attribute("eigenvalue", of: path) else {
      Issue.record("eigenvalues are text")
      continue
    }
    #expect(eigenvalues.elementType == .float32)
    #expect(try eigenvalues.shape == [analysis.dataset(path).shape[1]])
    let values = eigenvalues.elements(as: Float.self)
    #expect(values == values.sorted(by: >))
  }
}

@Test(arguments: [1, 3]) func projectHasTheLayoutOfViRelAy(channels: Int) throws {
  try withFolder { folder in
    var project = project(channels: channels, isGrey: channels == 1)
    project.batchSize = 2
    try project.write(to: folder + "/out")
    let names = try FileManager.default.contentsOfDirectory(atPath: folder + "/out").sorted()
    #expect(
      names == [
        ".noema-files", "analysis.h5", "attributions.h5", "data.h5", "label-map.json", "project.yaml",
      ])
    try checkSchema(folder + "/out")
  }
}

@Test func projectHoldsWhatItWasGiven() throws {
  try withFolder { folder in
    try project().write(to: folder + "/out")
    let data = try HDF5File(folder + "/out/data.h5")
    let attributions = try HDF5File(folder + "/out/attributions.h5")
    let analysis = try HDF5File(folder + "/out/analysis.h5")
    // Pixel 7 of sample 1: channels lie next to each other in the image, apart in the file.
    let sample = try data.read("data", rows: 1..<2).elements(as: UInt8.self)
    #expect([sample[7], sample[27], sample[47]] == [121, 122, 123])
    #expect(try integers(data, "label") == [0, 2, 0, 2, 0, 1, 2])
    #expect(try integers(attributions, "index") == [6, 0, 1, 2, 3, 4])
    #expect(try integers(attributions, "label") == [2, 0, 2, 0, 2, 0])
    #expect(try attributions.read("attribution", rows: 4..<5).elements(as: Float.self)[50] == 46)
    #expect(try attributions.read("prediction", rows: 1..<2).elements(as: Float.self) == [3, 4, 5])
    #expect(try analysis.names() == ["00000000", "n02691156"])
    #expect(try integers(analysis, "n02691156/index") == [6, 1, 3])
    #expect(try integers(analysis, "n02691156/cluster/kmeans-02") == [0, 1, 1])
    #expect(try integers(analysis, "00000000/cluster/hdbscan") == [-1, -1, -1])
    // The last eigenvalue comes first, and its dimension with it.
    let spectral = "n02691156/embedding/spectral"
    #expect(try analysis.attribute("eigenvalue", of: spectral).doubles == [1, 0.5, 0.25, 0])
    #expect(
      try analysis.read(spectral, rows: 0..<1).elements(as: Float.self) == [3.2, 2.2, 1.2, 0.2])
    #expect(try analysis.attribute("embedding", of: "n02691156/embedding/tsne") == .text("spectral"))
    #expect(try analysis.attribute("index", of: "n02691156/embedding/tsne").doubles == [0, 1])
    #expect(try analysis.attribute("k", of: "n02691156/cluster/kmeans-02").doubles == [2])
    #expect(try analysis.attribute("index", of: "n02691156/cluster/kmeans-02").doubles == [0, 1, 2, 3])
  }
}

@Test func greyMapsKeepTheirSum() throws {
  try withFolder { folder in
    try project(channels: 1, isGrey: true).write(to: folder + "/out")
    let map = try HDF5File(folder + "/out/attributions.h5").read("attribution", rows: 2..<3).elements(
      as: Float.self)
    for pixel in 0..<20 {
      #expect(abs(map[pixel] + map[20 + pixel] + map[40 + pixel] - (Float(pixel) - 2)) < 1e-5)
    }
    let image = try HDF5File(folder + "/out/data.h5").read("data", rows: 0..<1).elements(as: UInt8.self)
    #expect(image[3] == 3 && image[23] == 3 && image[43] == 3)
  }
}

@Test func projectFileIsPlainYAML() throws {
  try withFolder { folder in
    try project().write(to: folder + "/out")
    let text = try String(contentsOfFile: folder + "/out/project.yaml", encoding: .utf8)
    #expect(
      text == """
        project:
          name: "tag: \\"\\U000000e4\\"\\U0000000a# no comment"
          model: "cnn"
          label_map: label-map.json
          dataset:
            name: "made up"
            type: hdf5
            path: data.h5
            input_width: 4
            input_height: 5
            up_sampling_method: none
            down_sampling_method: none
            label_index_regex: null
            label_word_net_id_regex: null
          attributions:
            attribution_method: "lrp"
            attribution_strategy: true_label
            sources: [attributions.h5]
          analyses:
            - analysis_method: "Spectral"
              sources: [analysis.h5]

        """)
  }
}

@Test func projectsThatViRelAyCannotOpenAreRefused() throws {
  typealias Change = (inout ViRelAyProject) -> Void
  let cases: [(String, Change)] = [
    ("a label 7 of a sample, which is no class", { $0.samples.labels[0] = 7 }),
    ("an attribution for sample 9, but there are 7 samples", { $0.attributions.samples[0] = 9 }),
    ("two attributions for the same sample", { $0.attributions.samples[0] = 0 }),
    ("class 0 has sample 5, for which there is no attribution", { $0.categories[0].samples[0] = 5 }),
    (
      "class 2 has other embeddings or clusterings than class 0; ViRelAy wants the same in all",
      { $0.categories[1].clusterings[0].name = "kmeans-03" }
    ),
    (
      "class 2: 2 labels in 'hdbscan' for 3 samples",
      { $0.categories[1].clusterings[1].labels.removeLast() }
    ),
    (
      "class 0, embedding 'spectral': eigenvalues are not ascending",
      { $0.categories[0].embeddings[0].eigenvalues = [1, 0.5, 0.25, 0] }
    ),
    (
      "class 0, embedding 'tsne': a value is NaN or infinite",
      { $0.categories[0].embeddings[1].values = Tensor(shape: [3, 2], repeating: Float.nan) }
    ),
    (
      "predictions of shape [5, 3], expected [6, outputs]",
      { $0.attributions.predictions = Tensor(shape: [5, 3], repeating: 0.0) }
    ),
    ("no class was analysed", { $0.categories = [] }),
    ("the analysis's name has no '-' and is not empty", { $0.analysisMethod = "spectral-2" }),
    (
      "the attribution for sample 0 is NaN or infinite",
      { project in
        project.attributions.maps = { rows in
          Tensor(
            shape: [rows.count, 5, 4], rows.flatMap { [Float](repeating: $0 == 1 ? .nan : 0, count: 20) })
        }
      }
    ),
    (
      "attributions of 2 × 9 with 3 channels; ViRelAy takes the shortest axis for channels",
      { $0.attributions.maps = { Tensor(shape: [$0.count, 3, 2, 9], repeating: Float(0)) } }
    ),
    (
      "sample 1 has 5 × 4 pixels, those before 4 × 5; resize them",
      { project in
        project.samples.images = { rows in
          rows.map { row in
            let isTall = row == 0
            return Image(
              width: isTall ? 4 : 5, height: isTall ? 5 : 4, channelCount: 1,
              pixels: [UInt8](repeating: 0, count: 20))
          }
        }
      }
    ),
  ]
  try withFolder { folder in
    for (message, change) in cases {
      var changed = project()
      change(&changed)
      #expect(throws: ReportError(.input(message), at: "ViRelAy project")) {
        try changed.write(to: folder + "/out")
      }
      let left = try FileManager.default.contentsOfDirectory(atPath: folder)
      #expect(left.isEmpty)
    }
  }
}
