internal import ArgumentParser
internal import Noema

struct MethodsCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "methods",
    abstract: "List the attribution methods: what each shows, needs and costs.",
    discussion: """
      A forward or backward is one pass through the network; × says how many. Options
      of `noema explain` that a method needs stand behind what it needs. How to choose
      is in docs/attribution.md.

      EXAMPLES
        noema methods
        noema methods --json
      """)

  @Flag(help: "Print JSON.") var json = false

  private struct Entry: Encodable {
    var name, family, summary, paper, needs, cost: String
  }

  func run() throws {
    let entries = MethodDescription.all.map {
      Entry(
        name: $0.name, family: $0.family.rawValue, summary: $0.summary, paper: $0.paper, needs: $0.needs,
        cost: $0.cost)
    }
    if json {
      print(try jsonText(entries), terminator: "")
      return
    }
    for family in MethodDescription.Family.allCases {
      let header = [family.rawValue.uppercased(), "shows", "source", "needs", "costs for each input"]
      let rows = entries.filter { $0.family == family.rawValue }.map {
        ["  " + $0.name, $0.summary, $0.paper, $0.needs, $0.cost]
      }
      print((family == .gradients ? "" : "\n") + alignedTable([header] + rows, rightAligned: []))
    }
  }
}
