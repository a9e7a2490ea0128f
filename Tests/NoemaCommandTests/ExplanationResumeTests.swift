import Foundation
import NoemaAttribution
@testable import NoemaCommand
import NoemaData
import NoemaGraph
import NoemaTensor
import NoemaTestSupport
import Testing

/// Explanations that were cut off go on behind what was stored: nothing is explained twice, and results are those of a
/// run that nothing stopped, bit for bit. Runs end between two batches here, or with files half written, as kills leave
/// them.
@Suite struct ExplanationResumeTests {
  // MARK: Runs that end

  private struct Cut: Error {}

  /// What the methods of a run explained, and after how many batches it ends.
  private final class Ledger {
    private var left: Int
    private(set) var batches: [Batch] = []

    init(endsAfter left: Int = .max) { self.left = left }

    func enter(_ method: String, _ rows: Range<Int>) throws {
      guard left > 0 else { throw Cut() }
      left -= 1
      batches.append(Batch(method: method, rows: rows))
    }
  }

  private struct Batch: Hashable {
    var method: String
    var rows: Range<Int>
  }

  /// A method that says what it explains ahead of each batch.
  private struct Counted: Attributor {
    let name: String
    let method: any Attributor
    let ledger: Ledger

    /// Small, so that there are several batches to be cut between.
    var batchSize: Int { min(4, method.batchSize) }

    func attribute(_ inputs: [Tensor], classes: [Int], first: Int) throws -> Attribution {
      try ledger.enter(name, first..<first + classes.count)
      return try method.attribute(inputs, classes: classes, first: first)
    }
  }

  /// What a run found, read back from the store.
  private struct Findings: Equatable {
    var arrays: [[Float]] = []
    var standardErrors: [Float] = []
    var sums: [[Double]] = []
    var expected: [[Double]?] = []
    var outputs: [[Double]] = []
    var remarks: [[Int: String]] = []
    var notes: [String] = []
  }

  private static let count = 11

  /// Explains eleven rows by three methods, of which two draw random numbers and one has standard errors.
  private func run(_ ledger: Ledger, in folder: String, key: String = "settings") throws -> Findings {
    var subject = Subject(try Network(bytes: TinyModel.table().bytes()))
    subject.examples = Self.count
    let all: [(String, any AttributionMethod)] = [
      ("gradient", Gradient()), ("smoothgrad", SmoothGrad(samples: 6)),
      ("shapley-sampling", ShapleySampling(permutations: 4)),
    ]
    let methods = try all.map { name, method in
      CompiledMethod(
        name: name,
        attributor: Counted(name: name, method: try method.attributor(for: subject), ledger: ledger))
    }
    let rows = try TensorExamples(Workspace.noise([Self.count, 4], seed: 6), name: "rows.npy")
    let feed = ExampleFeed(try Dataset(examples: rows, path: "rows.npy"))
    let store = try ExplanationStore(
      folder: folder, key: key,
      largest: Dictionary(uniqueKeysWithValues: methods.map { ($0.name, $0.attributor.batchSize) }))
    let job = ExplanationRun(
      feed: feed, methods: methods, classes: (0..<Self.count).map { $0 % 3 }, values: ["input"], store: store)
    var found = Findings()
    let outcomes = try job(ProgressBar(isShown: false)) { found.notes.append($0) }
    for outcome in outcomes {
      var array: [Float] = []
      try outcome.forEachBatch(value: 0) { _, part in array += part.elements(as: Float.self) }
      found.arrays.append(array)
      found.sums.append(outcome.sums)
      found.expected.append(outcome.expected)
      found.outputs.append(outcome.outputs)
      found.remarks.append(outcome.remarks)
    }
    for (number, _) in store.parts(of: "shapley-sampling", examples: Self.count).enumerated() {
      let errors = try store.array(.errors, of: "shapley-sampling", number: number, value: 0)
      found.standardErrors += errors.elements(as: Float.self)
    }
    return found
  }

  /// The batches and findings of a run that nothing stops.
  private func wholeRun(in workspace: Workspace) throws -> (batches: [Batch], found: Findings) {
    let ledger = Ledger()
    let found = try run(ledger, in: workspace.file("whole"))
    #expect(ledger.batches.reduce(0) { $0 + $1.rows.count } == 3 * Self.count && ledger.batches.count >= 9)
    #expect(found.notes.isEmpty && found.arrays.allSatisfy { $0.count == Self.count * 4 })
    #expect(found.standardErrors.count == Self.count * 4 && found.standardErrors.contains { $0 > 0 })
    return (ledger.batches, found)
  }

  /// Wherever it is cut, the second run explains what is missing, and the third one nothing.
  @Test func cutRunsGoOn() throws {
    let workspace = try Workspace()
    let (batches, whole) = try wholeRun(in: workspace)
    for cut in batches.indices {
      let folder = workspace.file("cut-\(cut)")
      #expect(throws: Cut.self) { try run(Ledger(endsAfter: cut), in: folder) }
      let rest = Ledger()
      var found = try run(rest, in: folder)
      #expect(rest.batches == Array(batches[cut...]), "cut after \(cut) batches")
      let done = batches[..<cut].reduce(0) { $0 + $1.rows.count }
      #expect(
        found.notes == (cut == 0 ? [] : ["continuing after \(done) of \(3 * Self.count) explanations"]))
      found.notes = []
      #expect(found == whole, "cut after \(cut) batches")
      let none = Ledger(endsAfter: 0)
      #expect(try run(none, in: folder) == whole && none.batches.isEmpty)
    }
  }

  /// Cut again and again, a run gets through with each batch explained once.
  @Test func runsMayBeCutManyTimes() throws {
    let workspace = try Workspace()
    let (batches, whole) = try wholeRun(in: workspace)
    var explained: [Batch] = []
    for _ in batches {
      let one = Ledger(endsAfter: 1)
      _ = try? run(one, in: workspace.file("cut"))
      explained += one.batches
    }
    #expect(explained == batches)
    #expect(try run(Ledger(endsAfter: 0), in: workspace.file("cut")) == whole)
  }

  // MARK: Files that a kill leaves

  /// How the files of a batch may be left.
  enum Damage: CaseIterable {
    /// The arrays are there, what is said about them is not.
    case missingRecord
    case brokenRecord
    case missingArray
    case cutArray
    case emptyArray
  }

  /// A batch that is not whole is explained again, with those of its method behind it; other methods are left alone.
  @Test(arguments: Damage.allCases, ["gradient", "shapley-sampling"])
  func brokenPartsAreExplainedAgain(_ damage: Damage, _ method: String) throws {
    let workspace = try Workspace()
    let (batches, whole) = try wholeRun(in: workspace)
    let parts = batches.filter { $0.method == method }
    for number in parts.indices {
      _ = try run(Ledger(), in: workspace.file("damaged"))
      let name = "part-\(method)-" + String(format: "%06d", number)
      let files = try workspace.entries("damaged").filter { $0.hasPrefix(name) }
      let record = try #require(files.first { $0.hasSuffix(".json") })
      let array = try #require(files.last { $0.hasSuffix(".npy") })
      switch damage {
      case .missingRecord: try FileManager.default.removeItem(atPath: workspace.file("damaged/\(record)"))
      case .brokenRecord: try workspace.write("{\"rows\": [0,", "damaged/\(record)")
      case .missingArray: try FileManager.default.removeItem(atPath: workspace.file("damaged/\(array)"))
      case .cutArray:
        let bytes = try Data(contentsOf: URL(fileURLWithPath: workspace.file("damaged/\(array)")))
        try workspace.write(Array(bytes.dropLast(4)), "damaged/\(array)")
      case .emptyArray: try workspace.write([UInt8](), "damaged/\(array)")
      }
      let rest = Ledger()
      var found = try run(rest, in: workspace.file("damaged"))
      #expect(rest.batches == Array(parts[number...]), "\(damage) of batch \(number)")
      found.notes = []
      #expect(found == whole, "\(damage) of batch \(number)")
    }
  }

  // MARK: Other work

  /// Under other settings nothing of what was stored counts, and what was is gone.
  @Test func otherSettingsBeginAnew() throws {
    let workspace = try Workspace()
    let (batches, whole) = try wholeRun(in: workspace)
    #expect(throws: Cut.self) { try run(Ledger(endsAfter: batches.count - 1), in: workspace.file("cut")) }
    let other = Ledger(endsAfter: 1)
    #expect(throws: Cut.self) { try run(other, in: workspace.file("cut"), key: "other settings") }
    #expect(other.batches == [batches[0]])
    #expect(try workspace.entries("cut").filter { $0.hasPrefix("part-") && $0.hasSuffix(".json") }.count == 1)
    let again = Ledger()
    #expect(try run(again, in: workspace.file("cut")) == whole && again.batches == batches)
  }

  /// Two runs never share a folder.
  @Test func aFolderHasOneRun() throws {
    let workspace = try Workspace(), folder = workspace.file("taken")
    let store = try ExplanationStore(folder: folder, key: "settings", largest: ["gradient": 4])
    let error = #expect(throws: DataError.self) { try run(Ledger(), in: folder) }
    #expect(error?.description.contains("another run is filling this store") ?? false)
    store.removeIfEmpty()
    #expect(!FileManager.default.fileExists(atPath: folder))
  }

  // MARK: The command

  /// A strict run that fails leaves its work; with the last batches taken away, as if it had been killed before them, a
  /// run that is not strict goes on and writes what one run would have written.
  @Test func theCommandGoesOn() throws {
    let workspace = try Workspace()
    try workspace.writeImageModel()
    try workspace.write(Workspace.noise([70, 1, 8, 8], seed: 5), "x.npy")
    func explain(_ out: String, _ more: String...) throws -> Outcome {
      try workspace.start(
        [
          "explain", "--model", "net.onnx", "--data", "x.npy", "--method", "integrated-gradients,smoothgrad",
          "--steps", "1", "--samples", "3", "--pictures", "0", "-o", out,
        ] + more
      ).wait()
    }
    #expect(try explain("whole").code == 0)
    let strict = try explain("out", "--strict")
    #expect(strict.code == 65 && strict.errors.contains("sum to"), "\(strict.errors)")
    let records = try workspace.entries("out.partial").filter {
      $0.hasPrefix("part-") && $0.hasSuffix(".json") && !$0.hasSuffix("classes.json")
    }
    #expect(records.count >= 4)
    let last = records.filter { $0.contains("smoothgrad") }.suffix(2)
    for record in last { try FileManager.default.removeItem(atPath: workspace.file("out.partial/\(record)")) }

    let rest = try explain("out")
    #expect(rest.code == 0, "\(rest.errors)")
    #expect(
      rest.errors.contains("continuing after") && rest.errors.contains("of 140 explanations"),
      "\(rest.errors)")
    for name in ["integrated-gradients.npy", "smoothgrad.npy"] {
      let found = try Data(contentsOf: URL(fileURLWithPath: workspace.file("out/\(name)")))
      #expect(try found == Data(contentsOf: URL(fileURLWithPath: workspace.file("whole/\(name)"))), "\(name)")
    }
    #expect(try !workspace.entries().contains("out.partial"))
  }
}
