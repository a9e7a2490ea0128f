internal import ArgumentParser
internal import Foundation
internal import Noema

struct ConceptsCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "concepts",
    abstract: "List, generate and validate concept examples.",
    discussion: """
      A concept is a folder of examples: textures/striped/ or striped/, with an optional
      concept.yaml.

      EXAMPLES
        noema concepts list concepts
        noema concepts generate striped dotted --size 224 -o concepts-224
        noema concepts validate concepts-224 --size 224
      """,
    subcommands: [List.self, Generate.self, Validate.self])
}

extension ConceptsCommand {
  struct List: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Show the concepts of a directory, or those that Noema can generate.",
      discussion: """
        Without DIR, shows the names that 'noema concepts generate' takes.

        EXAMPLES
          noema concepts list
          noema concepts list concepts
          noema concepts list concepts --json
        """)

    @Argument(help: ArgumentHelp("A directory of concepts.", valueName: "dir")) var directory: String?
    @Flag(help: "Print JSON.") var json = false

    private struct Row: Encodable {
      var name, kind, description: String
      var examples: Int?
      var path, licence: String?
    }

    func run() throws {
      let rows: [Row]
      if let directory {
        rows = try ConceptLibrary(path: directory).concepts.map {
          Row(
            name: $0.manifest.name, kind: $0.manifest.kind.rawValue, description: $0.manifest.description,
            examples: $0.examples.count, path: $0.path, licence: $0.manifest.licence)
        }
      } else {
        rows = ConceptCatalog.all.map {
          Row(name: $0.name, kind: $0.kind.rawValue, description: $0.description)
        }
      }
      if json { return try printJSON(rows) }
      var table = [["concept", "kind", "examples", "description"]]
      table += rows.map { [$0.name, $0.kind, $0.examples.map(grouped) ?? "any", $0.description] }
      print(alignedTable(table, rightAligned: [2]))
    }
  }

  struct Generate: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Draw examples of textures, colours and shapes, or a random pool.",
      discussion: """
        Writes DIR/<kind>s/<name>/ with PNG files and a concept.yaml; the random pool
        goes to DIR/random/. The same name, seed and number always give the same
        picture. 'all' stands for every concept.

        EXAMPLES
          noema concepts generate striped dotted -o concepts
          noema concepts generate all --count 60 --size 224 --seed 7 -o concepts-224
          noema concepts generate random --count 500 --size 28 --grey -o pool
        """)

    @Argument(help: "Names of concepts, or 'all'; see 'noema concepts list'.") var names: [String]
    @Option(help: "Examples per concept.") var count = 60
    @Option(help: "Width and height in pixels.") var size = 128
    @Option(help: "Seed of the random variation.") var seed: UInt64 = 7
    @Flag(help: "Draw in grey, with one channel; 'all' then leaves out the colours.") var grey = false
    @Flag(help: "Replace concepts that are there already.") var force = false
    @Option(name: .shortAndLong, help: ArgumentHelp("The directory to write to.", valueName: "dir"))
    var output: String

    func run() throws {
      let writer = try ConceptWriter(
        directory: output, count: count, size: size, channelCount: grey ? 1 : 3, seed: seed, replaces: force)
      // Every name is looked up, and every folder checked, before anything is written.
      let generators = try chosen()
      for generator in generators { try writer.check(generator) }
      for generator in generators {
        print("\(try writer.write(generator))  \(count) × \(size)×\(size)")
      }
    }

    private func chosen() throws -> [ConceptGenerator] {
      if names.contains("all") { return ConceptCatalog.all.filter { !grey || !$0.needsColour } }
      var seen: Set<String> = []
      return try names.filter { seen.insert($0).inserted }.map { try ConceptCatalog.generator(named: $0) }
    }
  }

  struct Validate: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Check that concept examples are fit for a study.",
      discussion: """
        Looks for empty folders, too few examples, unreadable files, duplicates and
        near-duplicates (also between a concept and the random pool), mixed sizes, and
        images smaller than the model's input. Exits with 65 if there are errors.

        EXAMPLES
          noema concepts validate concepts
          noema concepts validate photos/striped --random photos/random --size 224
          noema concepts validate concepts --json
        """)

    @Argument(help: ArgumentHelp("A directory of concepts, or one concept.", valueName: "dir")) var directory:
      String
    @Option(
      help: ArgumentHelp("The random pool, which must not hold the concepts' examples.", valueName: "dir"))
    var random: String?
    @Option(help: "Width and height of the model's input in pixels.") var size: Int?
    @Flag(help: "Print JSON.") var json = false

    private struct Report: Encodable {
      var concepts, errors, warnings: Int
      var findings: [ConceptFinding]
    }

    func validate() throws {
      if let size, !(1...16_384).contains(size) {
        throw ValidationError("--size must be 1 to 16384, found \(size).")
      }
    }

    func run() throws {
      let library = try ConceptLibrary(path: directory)
      let pool = try random.map { try ConceptFolder(path: $0) }
      if let pool, pool.examples.isEmpty { throw LibraryError(.noConcepts, at: pool.path) }
      let validation = ConceptValidation(modelSize: size, randomPool: pool)
      // The pool may be a folder of the library; it is not compared with itself.
      let concepts = library.concepts.filter { folder in pool.map { !isSame($0.path, folder.path) } ?? true }
      let findings = concepts.flatMap { validation.findings(of: $0) }
      let errors = findings.filter { $0.severity == .error }.count
      let report = Report(
        concepts: concepts.count, errors: errors, warnings: findings.count - errors, findings: findings)
      json ? try printJSON(report) : show(report)
      if errors > 0 { throw ExitCode(ErrorCategory.badData.rawValue) }
    }

    private func show(_ report: Report) {
      for finding in report.findings {
        print("\(finding.severity.rawValue): \(finding.concept): \(finding.message)")
      }
      func counted(_ number: Int, _ word: String) -> String {
        "\(grouped(number)) \(word)\(number == 1 ? "" : "s")"
      }
      print(
        "\(counted(report.concepts, "concept")) checked: \(counted(report.errors, "error")), "
          + counted(report.warnings, "warning"))
    }

    private func isSame(_ a: String, _ b: String) -> Bool {
      func resolved(_ path: String) -> String { URL(fileURLWithPath: path).resolvingSymlinksInPath().path }
      return resolved(a) == resolved(b)
    }
  }
}
