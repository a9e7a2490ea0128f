internal import ArgumentParser
internal import Foundation
internal import Noema

/// The examples of a job as its network takes them: a tensor for each input.
///
/// One input of floats is fed from any data set, batch by batch; several inputs, and whole numbers such as tokens, from
/// arrays that are read whole.
struct ExampleFeed {
  /// Names, labels and pictures of the examples.
  let dataset: Dataset
  /// The arrays of the network's inputs; nil for one input of floats.
  private let arrays: InputArrays?

  init(_ dataset: Dataset) {
    self.dataset = dataset
    arrays = nil
  }

  init(_ arrays: InputArrays, labels: [String]?, path: String) throws {
    dataset = try Dataset(examples: arrays, labels: labels, path: path)
    self.arrays = arrays
  }

  var count: Int { dataset.examples.count }
  func name(of index: Int) -> String { dataset.examples.name(of: index) }

  /// The whole array of an input; nil where examples are read one by one.
  func array(of input: String) -> Tensor? {
    guard let arrays, let index = arrays.names.firstIndex(of: input) else { return nil }
    return arrays.arrays[index]
  }

  /// One example as a batch.
  func example(_ index: Int) throws -> [Tensor] {
    if let arrays { return arrays.rows(index..<index + 1) }
    let tensor = try dataset.examples.tensor(at: index)
    return [tensor.reshaped(to: [1] + tensor.shape)]
  }

  /// Calls `body` with batch after batch, the next one being read meanwhile.
  ///
  /// - Parameters:
  ///   - size: the examples of every batch but the last.
  ///   - first: the first example.
  ///   - body: takes the examples' indices and a tensor for each input; an error that names an example of the batch
  ///     gets its name.
  func forEachBatch(
    of size: Int, from first: Int = 0, _ body: (_ rows: Range<Int>, _ inputs: [Tensor]) throws -> Void
  ) throws {
    if let arrays {
      for start in stride(from: first, to: count, by: size) {
        let rows = start..<min(start + size, count)
        try named(rows) { try body(rows, arrays.rows(rows)) }
      }
      return
    }
    let reader = BatchReader(dataset.examples, indices: Array(first..<count), batchSize: size)
    while let batch = try reader.read() {
      let rows = batch.indices[0]..<batch.indices[0] + batch.indices.count
      try named(rows) { try body(rows, [batch.inputs]) }
    }
  }

  /// Names the example that an error speaks of by its place in a batch.
  private func named(_ rows: Range<Int>, _ body: () throws -> Void) throws {
    do { try body() } catch let error as GraphError {
      throw error.naming { name(of: min(rows.lowerBound + $0, rows.upperBound - 1)) }
    }
  }

  /// The examples that can be read, and why the others cannot.
  func readable(_ progress: ProgressBar) throws -> (indices: [Int], skipped: [String]) {
    if arrays != nil { return (Array(0..<count), []) }
    let reader = BatchReader(dataset.examples, batchSize: 32, skipsBad: true)
    var indices: [Int] = []
    while let batch = try reader.read() {
      indices += batch.indices
      progress("checking examples", indices.count + reader.bad.count, count)
    }
    if indices.isEmpty, let first = reader.bad.first {
      throw DataError(.malformed("none of the \(reader.bad.count) examples can be read"), at: first.name)
    }
    return (indices, reader.bad.map { "\($0.name): \($0.reason)" })
  }

  /// The feed of some examples that are read one by one.
  func subset(_ indices: [Int]) throws -> ExampleFeed {
    indices.count == count ? self : ExampleFeed(try dataset.subset(indices))
  }
}

extension ExampleOptions {
  /// Opens a file or folder of data as the network takes them.
  ///
  /// - Throws: also when their shapes are not the network's.
  func feed(_ data: String, _ model: inout LoadedModel) throws -> ExampleFeed {
    let inputs = model.network.inputs
    if inputs.count == 1, inputs[0].element.isFloat {
      let feed = ExampleFeed(try open(data, model))
      let expected = try model.network.inputShapes(batch: 1, overriding: model.shapes)[0].dropFirst()
      guard feed.dataset.examples.exampleShape == Array(expected) else {
        throw GraphError(
          .input(
            "the network takes examples of shape \(Array(expected)), the data has "
              + "\(feed.dataset.examples.exampleShape); set the input size in the model card or with --input-size"
          ))
      }
      return feed
    }
    if let flag = model.imageFlags.first {
      throw ValidationError("\(flag) says how images become inputs, but this network takes arrays.")
    }
    var arrays = try InputArrays(path: data, inputs: inputs.map(\.name), array: array)
    var labels = try self.labels.map { try Dataset.readLabels($0) } ?? arrays.labels
    if let labels, labels.count != arrays.count {
      throw DataError(
        .malformed("\(labels.count) labels for the \(arrays.count) examples of \(data)"),
        at: self.labels ?? data)
    }
    if let limit {
      guard limit > 0 else { throw ValidationError("--limit must be positive, found \(limit).") }
      arrays = arrays.prefix(limit)
      labels = labels.map { Array($0.prefix(arrays.count)) }
    }
    for (port, array) in zip(inputs, arrays.arrays) where model.shapes[port.name] == nil {
      if let shape = port.shape(of: array) { model.shapes[port.name] = shape }
    }
    let shapes = try model.network.inputShapes(batch: 1, overriding: model.shapes)
    let fitting = try zip(zip(inputs, shapes), arrays.arrays).map {
      try fitted($1, to: $0.0, shape: $0.1, at: data)
    }
    return try ExampleFeed(
      InputArrays(fitting, names: arrays.names, name: (data as NSString).lastPathComponent), labels: labels,
      path: data)
  }

  /// An array in the type and shape of an input.
  private func fitted(
    _ array: Tensor, to port: Network.Port, shape: [Int], at data: String
  ) throws -> Tensor {
    guard array.shape.dropFirst() == shape.dropFirst() else {
      throw GraphError(
        .input(
          "input '\(port.name)' takes examples of shape \(Array(shape.dropFirst())), the data has "
            + "\(Array(array.shape.dropFirst()))"))
    }
    if port.element.isFloat { return array.converted(to: .float32) }
    let numbers = array.converted(to: port.element)
    guard numbers.converted(to: array.elementType) == array else {
      throw DataError(
        .malformed("input '\(port.name)' takes \(port.element), which cannot hold every number of the array"),
        at: data)
    }
    return numbers
  }
}

extension Network.Port {
  /// The shape that an array of examples gives to an input whose later extents the file leaves open; nil where it
  /// leaves none open or the array does not fit.
  fileprivate func shape(of array: Tensor) -> [Int]? {
    let isOpen = dimensions.dropFirst().contains {
      if case .named = $0 { true } else { false }
    }
    guard isOpen, array.rank == dimensions.count else { return nil }
    return [1] + array.shape.dropFirst()
  }
}
