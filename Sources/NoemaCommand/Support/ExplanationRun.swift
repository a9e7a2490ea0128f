internal import Foundation
internal import Noema

/// A method that a job explains by, compiled for its network.
struct CompiledMethod {
  let name: String
  let attributor: any Attributor
}

/// Explains examples by one method after the other, and stores each batch.
struct ExplanationRun {
  let feed: ExampleFeed
  let methods: [CompiledMethod]
  /// The class explained for each example.
  let classes: [Int]
  /// Names of the values that receive attributions.
  let values: [String]
  let store: ExplanationStore

  /// How many examples some parts hold.
  private func done(_ parts: [ExplanationStore.Part]) -> Int { parts.last?.rows.upperBound ?? 0 }

  /// Explains what is not explained yet.
  ///
  /// - Parameter note: told once where the work goes on, if some of it was done before.
  func callAsFunction(_ progress: ProgressBar, note: (_ text: String) -> Void) throws -> [MethodOutcome] {
    var parts = methods.map { store.parts(of: $0.name, examples: feed.count) }
    let before = parts.reduce(0) { $0 + done($1) }, all = methods.count * feed.count
    if before > 0, before < all { note("continuing after \(before) of \(all) explanations") }
    for (index, method) in methods.enumerated() {
      let size = store.batchSizes[method.name] ?? method.attributor.batchSize
      try feed.forEachBatch(of: size, from: done(parts[index])) { rows, inputs in
        let start = ContinuousClock().now
        let attribution = try method.attributor.attribute(
          inputs, classes: Array(classes[rows]), first: rows.lowerBound
        ).checked(method.name, at: values)
        let part = try store.save(
          attribution, of: method.name, number: parts[index].count, rows: rows, seconds: seconds(since: start)
        )
        parts[index].append(part)
        progress(method.name, rows.upperBound, feed.count)
      }
    }
    return zip(methods, parts).map { MethodOutcome($0.name, values: values, parts: $1, in: store) }
  }
}

extension Attribution {
  /// The attribution with a remark on each example whose attributions are all 0.
  ///
  /// - Throws: `GraphError.notFinite` that names the method and the example.
  fileprivate func checked(_ method: String, at places: [String]) throws -> Attribution {
    var checked = self
    var isZero = Array(repeating: true, count: outputs.count)
    for tensor in values {
      let width = tensor.count / max(1, outputs.count)
      if let offset = tensor.firstNonFinite() {
        throw GraphError(.notFinite(value: "attribution by \(method)", example: offset / width))
      }
      tensor.withElements(as: Float.self) { elements in
        for row in isZero.indices where isZero[row] {
          isZero[row] = elements[row * width..<(row + 1) * width].allSatisfy { $0 == 0 }
        }
      }
    }
    for row in isZero.indices where isZero[row] && remarks[row] == nil {
      checked.remarks[row] =
        "all attributions are 0: nothing at \(places.joined(separator: ", ")) speaks for or against the output here"
    }
    return checked
  }
}
