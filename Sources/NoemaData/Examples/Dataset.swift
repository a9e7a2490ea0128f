internal import Foundation
internal import NoemaTensor

/// Examples and what they are labelled with.
public struct Dataset: Sendable {
  /// The examples.
  public var examples: any ExampleSource
  /// The label of each example in words or digits; nil when there are none.
  public var labels: [String]?
  /// Where it came from.
  public var path: String
  /// The names of a row's elements, when the examples are rows of a table.
  public var featureNames: [String]?

  /// Puts examples and labels together.
  ///
  /// - Throws: ``DataError`` unless there are as many labels as examples.
  public init(examples: any ExampleSource, labels: [String]? = nil, path: String) throws(DataError) {
    if let labels, labels.count != examples.count {
      throw DataError(.malformed("\(examples.count) examples, but \(labels.count) labels"), at: path)
    }
    self.examples = examples
    self.labels = labels
    self.path = path
  }

  /// The examples of some indices.
  public func subset(_ indices: [Int]) throws(DataError) -> Dataset {
    var part = self
    part.examples = ExampleSubset(examples, indices)
    part.labels = labels.map { labels in indices.map { labels[$0] } }
    return part
  }

  /// A hash of shape, names, labels and contents; files are read for it, unreadable ones count by name alone.
  public func hash() -> String {
    var text = "\(examples.exampleShape)"
    for (index, content) in examples.contentHashes().enumerated() {
      text += "\n\(examples.name(of: index))\t\(labels?[index] ?? "")\t\(content ?? "")"
    }
    return Array(text.utf8).withUnsafeBytes(SHA256.hexadecimal)
  }
}

/// How a data set is opened.
public struct DatasetOptions: Sendable {
  /// How inputs are made of images; nil refuses images.
  public var preprocessing: Preprocessing?
  /// A file of labels: `.npy`, IDX, or text with one label a line.
  public var labels: String?
  /// The column of a table that holds labels; `label` is taken when it exists.
  public var labelColumn: String?
  /// Whether a table without `labelColumn` is refused; examples of concepts need no labels.
  public var requiresLabels = true
  /// Columns of a table that are inputs, in order; all but the label and `split` when nil.
  public var columns: [String]?
  /// The array of an archive that holds inputs, when there are several.
  public var array: String?

  /// Makes options.
  public init(preprocessing: Preprocessing? = nil) { self.preprocessing = preprocessing }
}

extension Dataset {
  /// Opens a folder of images (sub-folders are labels), an image, a `.npy`, `.npz`, `.csv` or IDX file.
  ///
  /// - Throws: ``DataError`` saying what is wrong with the file and what is expected.
  public init(path: String, options: DatasetOptions = DatasetOptions()) throws(DataError) {
    var isFolder: ObjCBool = false
    guard FileManager.default.fileExists(atPath: path, isDirectory: &isFolder) else {
      throw DataError(.missingFile, at: path)
    }
    let name = path.lowercased()
    let opened: Dataset
    if isFolder.boolValue {
      opened = try Dataset(folder: path, options)
    } else if ImageFile.isImage(name) {
      opened = try Dataset(
        examples: ImageExamples(paths: [path], preprocessing: options.images(at: path)), path: path)
    } else if name.hasSuffix(".npy") {
      opened = try Dataset(tensor: try NPYFile.read(path), path, options)
    } else if name.hasSuffix(".npz") {
      opened = try Dataset(archive: path, options)
    } else if name.hasSuffix(".csv") || name.hasSuffix(".tsv") {
      opened = try Dataset(table: path, options)
    } else if name.hasSuffix(".gz") || name.contains("idx") || name.contains("ubyte") {
      opened = try Dataset(tensor: try IDXFile.read(path), path, options)
    } else {
      throw DataError(
        .unsupported(
          "expected a folder of images, a PNG or JPEG, .npy, .npz, .csv, or an IDX file (idx…-ubyte, also .gz)"
        ),
        at: path)
    }
    self = opened
    if let file = options.labels {
      labels = try Dataset.readLabels(file)
      guard labels!.count == examples.count else {
        throw DataError(
          .malformed("\(labels!.count) labels for the \(examples.count) examples of \(path)"), at: file)
      }
    }
  }

  /// Images of a folder; those of sub-folders are labelled with the folder's name.
  private init(folder: String, _ options: DatasetOptions) throws(DataError) {
    let preprocessing = try options.images(at: folder)
    let (files, folders) = try ImageFolder.list(folder)
    var labelled: [(path: String, label: String)] = []
    for name in folders {
      for file in try ImageFolder.list("\(folder)/\(name)").files {
        labelled.append(("\(folder)/\(name)/\(file)", name))
      }
    }
    guard files.isEmpty || labelled.isEmpty else {
      throw DataError(
        .malformed(
          "\(files.count) images lie beside sub-folders with images; keep labelled images in sub-folders only"
        ), at: folder)
    }
    guard !files.isEmpty || !labelled.isEmpty else {
      throw DataError(.empty("the folder (no .png, .jpg or .jpeg)"), at: folder)
    }
    let paths = files.isEmpty ? labelled.map(\.path) : files.map { "\(folder)/\($0)" }
    try self.init(
      examples: ImageExamples(paths: paths, preprocessing: preprocessing, root: folder),
      labels: files.isEmpty ? labelled.map(\.label) : nil, path: folder)
  }

  /// Rows of an array: bytes are images, other numbers are ready inputs.
  private init(tensor: Tensor, _ path: String, _ options: DatasetOptions) throws(DataError) {
    let name = (path as NSString).lastPathComponent
    guard tensor.rank >= 1, tensor.shape[0] > 0 else { throw DataError(.empty("the array"), at: path) }
    let isPlanar = tensor.rank == 4 && [1, 3].contains(tensor.shape[1]) && ![1, 3].contains(tensor.shape[3])
    let isImage = tensor.rank == 3 || isPlanar || (tensor.rank == 4 && [1, 3].contains(tensor.shape[3]))
    if tensor.elementType == .uint8, isImage, let preprocessing = options.preprocessing {
      let tensor = isPlanar ? tensor.channelsLast() : tensor
      let channels = tensor.rank == 4 ? tensor.shape[3] : 1
      let (height, width) = (tensor.shape[1], tensor.shape[2])
      let size = height * width * channels
      let images = tensor.withElements(as: UInt8.self) { bytes in
        (0..<tensor.shape[0]).map { index in
          Image(
            width: width, height: height, channelCount: channels,
            pixels: Array(bytes[(index * size)..<((index + 1) * size)]))
        }
      }
      try self.init(examples: MemoryImages(images, preprocessing: preprocessing, name: name), path: path)
    } else {
      try self.init(
        examples: TensorExamples(tensor, preprocessing: options.preprocessing, name: name), path: path)
    }
  }

  private init(archive path: String, _ options: DatasetOptions) throws(DataError) {
    let archive = try NPZFile(path: path)
    let known = ["input", "inputs", "images", "data", "x", "X", "arr_0"]
    let choice =
      options.array ?? archive.names.first { known.contains($0) }
      ?? (archive.names.count == 1 ? archive.names[0] : nil)
    guard let choice else {
      throw DataError(
        .parameters(
          "arrays \(archive.names.joined(separator: ", ")); say which holds the inputs with --array"),
        at: path)
    }
    guard archive.names.contains(choice) else {
      throw DataError(
        .unknownName(choice, what: "array", suggestions: EditDistance.nearest(choice, in: archive.names)),
        at: path)
    }
    try self.init(tensor: archive.array(named: choice), path, options)
    if options.labels == nil,
      let name = archive.names.first(where: { ["label", "labels", "y", "target"].contains($0) })
    {
      let tensor = try archive.array(named: name)
      if tensor.shape == [examples.count] { labels = Dataset.words(tensor) }
    }
  }

  private init(table path: String, _ options: DatasetOptions) throws(DataError) {
    let table = try CSVTable(path: path)
    var label = options.labelColumn ?? (table.columnNames.contains("label") ? "label" : nil)
    if let name = label, !options.requiresLabels, !table.columnNames.contains(name) { label = nil }
    let words = try label.map { name throws(DataError) in try table.text(inColumn: name) }
    let columns = options.columns ?? table.columnNames.filter { $0 != label && $0 != "split" }
    let tensor = try table.tensor(columns: columns)
    try self.init(
      examples: TensorExamples(tensor, name: (path as NSString).lastPathComponent), labels: words, path: path)
    featureNames = columns
  }

  /// Words of a file, one for each example: an array of numbers, or text with one a line.
  ///
  /// - Throws: ``DataError`` when the file cannot be read.
  public static func readLabels(_ path: String) throws(DataError) -> [String] {
    let name = path.lowercased()
    if name.hasSuffix(".npy") { return words(try NPYFile.read(path)) }
    if name.hasSuffix(".gz") || name.contains("idx") || name.contains("ubyte") {
      return words(try IDXFile.read(path))
    }
    let bytes = try FileBytes.read(path: path, limit: 1 << 28)
    guard let text = String(validating: bytes, as: UTF8.self) else {
      throw DataError(.malformed("labels are not UTF-8 text"), at: path)
    }
    return text.split(whereSeparator: \.isNewline).map { $0.trimmingCharacters(in: .whitespaces) }.filter {
      !$0.isEmpty
    }
  }

  /// Numbers in words; whole ones without a point.
  static func words(_ tensor: Tensor) -> [String] {
    tensor.converted(to: .float64).elements(as: Double.self).map { value in
      value == value.rounded() && abs(value) < 1e15 ? String(Int(value)) : String(value)
    }
  }
}

extension DatasetOptions {
  /// The preprocessing, or an error that says where it comes from.
  fileprivate func images(at path: String) throws(DataError) -> Preprocessing {
    guard let preprocessing else {
      throw DataError(
        .parameters(
          "images need to know how inputs are made; put a model card (net.yaml) beside the model or give --input-size"
        ),
        at: path)
    }
    return preprocessing
  }
}

/// What lies in a folder of images.
public enum ImageFolder {
  /// The names of image files and of sub-folders, sorted; hidden ones are left out.
  ///
  /// - Throws: ``DataError`` when the folder cannot be read.
  public static func list(_ path: String) throws(DataError) -> (files: [String], folders: [String]) {
    var isFolder: ObjCBool = false
    guard FileManager.default.fileExists(atPath: path, isDirectory: &isFolder) else {
      throw DataError(.missingFile, at: path)
    }
    guard isFolder.boolValue else {
      throw DataError(.unreadable("a file where a folder of images was expected"), at: path)
    }
    guard let names = try? FileManager.default.contentsOfDirectory(atPath: path) else {
      throw DataError(.unreadable("the folder cannot be listed; check its permissions"), at: path)
    }
    var (files, folders): ([String], [String]) = ([], [])
    for name in names.sorted() where !name.hasPrefix(".") {
      if ImageFile.isImage(name) {
        files.append(name)
      } else if FileManager.default.fileExists(atPath: "\(path)/\(name)", isDirectory: &isFolder),
        isFolder.boolValue
      {
        folders.append(name)
      }
    }
    return (files, folders)
  }
}

extension Dataset {
  /// The examples of a concept's folder: its images, or its one file of inputs.
  ///
  /// - Throws: ``DataError`` for a mixture of both.
  public static func conceptExamples(
    _ folder: String, _ files: [String], _ options: DatasetOptions
  ) throws(DataError) -> any ExampleSource {
    let images = files.filter(ImageFile.isImage)
    if !images.isEmpty {
      guard images.count == files.count else {
        throw DataError(.malformed("images lie beside other kinds of examples; keep one kind"), at: folder)
      }
      return try ImageExamples(
        paths: images.map { "\(folder)/\($0)" }, preprocessing: options.images(at: folder), root: folder)
    }
    guard files.count == 1 else {
      throw DataError(
        .malformed("expected images, or one .npy or .csv file of inputs, found \(files.count) files"),
        at: folder)
    }
    return try Dataset(path: "\(folder)/\(files[0])", options: options).examples
  }
}

extension Tensor {
  /// Bytes of `[n, c, h, w]` as `[n, h, w, c]`.
  fileprivate func channelsLast() -> Tensor {
    let (count, channels, area) = (shape[0], shape[1], shape[2] * shape[3])
    let bytes = withElements(as: UInt8.self) { source in
      var result = [UInt8](repeating: 0, count: source.count)
      for image in 0..<count {
        for channel in 0..<channels {
          for pixel in 0..<area {
            result[(image * area + pixel) * channels + channel] =
              source[(image * channels + channel) * area + pixel]
          }
        }
      }
      return result
    }
    return Tensor(shape: [count, shape[2], shape[3], channels], bytes)
  }
}
