internal import NoemaTensor

/// How the three operators of tree ensembles become `TreeEnsemble`.
enum TreeModels {
  private static let domain = "ai.onnx.ml"

  static let onnx: [ONNXBinding] = [
    ONNXBinding("TreeEnsembleRegressor", domain: domain) { node in
      let (forest, _) = try forest(node, votes: "target")
      let names = ["AVERAGE", "SUM", "MIN", "MAX"], name = node.string("aggregate_function", default: "SUM")
      guard let aggregate = names.firstIndex(of: name).flatMap({ TreeEnsemble.Aggregate(rawValue: $0) })
      else {
        throw node.error("there is no aggregate_function \(name)")
      }
      let targets = try bounded(node.int("n_targets", default: 1), node)
      var scores = try scores(node, forest, aggregate, targets)
      if let base = try numbers(node, "base_values") {
        guard base.count == targets else {
          throw node.error("\(base.count) base values for \(targets) targets")
        }
        scores = try node.sum(scores, node.matrix(base, rows: 1, like: scores))
      }
      return [try node.asFloat(node.transformed(scores, node.postTransform()))]
    },
    ONNXBinding("TreeEnsembleClassifier", domain: domain) { node in try classified(node) },
    ONNXBinding("TreeEnsemble", domain: domain, opset: 5...ONNXBinding.newestOpset) { node in
      guard let aggregate = TreeEnsemble.Aggregate(rawValue: node.int("aggregate_function", default: 1))
      else {
        throw node.error("there is no such aggregate_function")
      }
      let targets = try bounded(node.int("n_targets", default: 1), node)
      let scores = try scores(node, linkedForest(node), aggregate, targets)
      return [try node.transformed(scores, node.postTransform())]
    },
  ]

  /// Label and scores; trees that vote for one of two classes only leave the other one the rest.
  private static func classified(_ node: NodeReader) throws -> [Value] {
    let (labels, count) = try node.classLabels()
    let (forest, ids) = try forest(node, votes: "class")
    let base = try numbers(node, "base_values"), transform = try node.postTransform()
    let voted = Set(ids)
    if count == 2, voted.count == 1, voted == [0] || base?.count != 2 {
      var score = try scores(node, forest, .sum, 2)
      score = try node.slice(score, axis: 1, voted == [0] ? 0..<1 : 1..<2)
      if let base {
        guard let number = base.last else { throw node.error("the base values are empty") }
        score = try node.shifted(score, by: base.count == 1 ? number : base[0])
      }
      let isPositive = forest.votes.allSatisfy { $0.weight >= 0 }
      let winners = try node.winners(score, above: isPositive ? 0.5 : 0)
      if voted == [1] {
        // The first class was never voted for: its score is 0.
        let both = try node.joined([node.zeros(node.shape(of: score), like: score), score], axis: 1)
        return [try node.labels(winners, labels), try node.asFloat(node.transformed(both, transform))]
      }
      return [
        try node.labels(winners, labels),
        try node.asFloat(node.columns(score, transform, isProbability: isPositive)),
      ]
    }
    var all = try scores(node, forest, .sum, count)
    if let base {
      guard base.count == count else { throw node.error("\(base.count) base values for \(count) classes") }
      all = try node.sum(all, node.matrix(base, rows: 1, like: all))
    }
    return [try node.labels(node.winners(all), labels), try node.asFloat(node.transformed(all, transform))]
  }

  private static func scores(
    _ node: NodeReader, _ forest: Forest, _ aggregate: TreeEnsemble.Aggregate, _ targets: Int
  ) throws -> Value {
    guard forest.votes.allSatisfy({ (0..<targets).contains(Int($0.target)) }) else {
      throw node.error("a leaf votes for none of the \(targets) targets")
    }
    let trees = TreeEnsemble(aggregate: aggregate, targetCount: targets, forest: forest)
    return try node.emit(trees, node.features())
  }

  private static func bounded(_ targets: Int, _ node: NodeReader) throws -> Int {
    guard (1...1 << 20).contains(targets) else { throw node.error("there are \(targets) targets") }
    return targets
  }

  // MARK: Trees

  /// Numbers that an attribute holds as floats, or a second one as a tensor of doubles.
  private static func numbers(_ node: NodeReader, _ key: String) throws -> [Double]? {
    if let tensor = try node.tensor(key + "_as_tensor") {
      return tensor.converted(to: .float64).elements(as: Double.self)
    }
    return node.floats(key).flatMap { $0.isEmpty ? nil : $0 }
  }

  /// Integers of an attribute that are positions.
  private static func positions(_ node: NodeReader, _ key: String, count: Int? = nil) throws -> [Int32] {
    let list = node.exactInts(key) ?? []
    guard list.count == count ?? list.count else {
      throw node.error("\(key) has \(list.count) entries, expected \(count ?? 0)")
    }
    return try list.map { number in
      guard let position = Int32(exactly: number) else { throw node.error("\(key) holds \(number)") }
      return position
    }
  }

  private struct Key: Hashable {
    let tree, node: Int32
  }

  /// Trees whose nodes name each other by tree and number, and the targets of all votes.
  private static func forest(_ node: NodeReader, votes kind: String) throws -> (Forest, [Int32]) {
    let modes = node.strings("nodes_modes") ?? [], count = modes.count
    let trees = try positions(node, "nodes_treeids", count: count)
    let ids = try positions(node, "nodes_nodeids", count: count)
    let features = try positions(node, "nodes_featureids", count: count)
    let yes = try positions(node, "nodes_truenodeids", count: count)
    let no = try positions(node, "nodes_falsenodeids", count: count)
    let missing = node.exactInts("nodes_missing_value_tracks_true").flatMap { $0.isEmpty ? nil : $0 }
    let thresholds = try numbers(node, "nodes_values") ?? []
    guard thresholds.count == count, missing.map({ $0.count == count }) ?? true else {
      throw node.error("the attributes of the nodes differ in length")
    }
    // Branches and leaves are numbered in the order of the file.
    var numbers: [Key: Int32] = [:], branchCount: Int32 = 0, leafCount: Int32 = 0
    for index in 0..<count {
      let key = Key(tree: trees[index], node: ids[index])
      guard numbers[key] == nil else { throw node.error("node \(key.node) of tree \(key.tree) stands twice") }
      if modes[index] == "LEAF" {
        numbers[key] = ~leafCount
        leafCount += 1
      } else {
        numbers[key] = branchCount
        branchCount += 1
      }
    }
    func number(_ tree: Int32, _ id: Int32) throws -> Int32 {
      guard let number = numbers[Key(tree: tree, node: id)] else {
        throw node.error("tree \(tree) has no node \(id)")
      }
      return number
    }
    var branches: [Forest.Branch] = [], children: Set<Int32> = []
    for index in 0..<count where modes[index] != "LEAF" {
      let branch = Forest.Branch(
        threshold: thresholds[index], feature: features[index], yes: try number(trees[index], yes[index]),
        no: try number(trees[index], no[index]), test: try test(modes[index], node),
        takesMissing: missing?[index] == 1)
      children.formUnion([branch.yes, branch.no])
      branches.append(branch)
    }
    var roots: [Int32] = []
    for index in 0..<count {
      let own = try number(trees[index], ids[index])
      if !children.contains(own) { roots.append(own) }
    }
    guard !roots.isEmpty || count == 0 else { throw node.error("no tree has a first node") }
    let (leaves, targets) = try votes(node, kind, leafCount: Int(leafCount)) { try number($0, $1) }
    do { return (try Forest(roots: roots, branches: branches, leaves: leaves), targets) } catch {
      throw node.placed(error)
    }
  }

  /// The votes of each leaf.
  private static func votes(
    _ node: NodeReader, _ kind: String, leafCount: Int, _ number: (Int32, Int32) throws -> Int32
  ) throws -> (leaves: [[Forest.Vote]], targets: [Int32]) {
    let targets = try positions(node, kind + "_ids")
    let trees = try positions(node, kind + "_treeids", count: targets.count)
    let ids = try positions(node, kind + "_nodeids", count: targets.count)
    let weights = try numbers(node, kind + "_weights") ?? []
    guard weights.count == targets.count else {
      throw node.error("there are \(weights.count) weights of \(targets.count) votes")
    }
    var leaves = [[Forest.Vote]](repeating: [], count: leafCount)
    for index in targets.indices {
      let leaf = try number(trees[index], ids[index])
      guard leaf < 0 else {
        throw node.error("node \(ids[index]) of tree \(trees[index]) votes but is no leaf")
      }
      leaves[Int(~leaf)].append(Forest.Vote(target: targets[index], weight: weights[index]))
    }
    return (leaves, targets)
  }

  private static func test(_ mode: String, _ node: NodeReader) throws -> Forest.Test {
    switch mode {
    case "BRANCH_LEQ": return .atMost
    case "BRANCH_LT": return .below
    case "BRANCH_GTE": return .atLeast
    case "BRANCH_GT": return .above
    case "BRANCH_EQ": return .equal
    case "BRANCH_NEQ": return .unequal
    default: throw node.error("there is no mode \(mode) of a tree's node")
    }
  }

  /// Trees whose nodes name each other by position.
  private static func linkedForest(_ node: NodeReader) throws -> Forest {
    func list(_ key: String) throws -> [Double] {
      guard let tensor = try node.tensor(key) else { throw node.error("\(key) is missing") }
      return tensor.converted(to: .float64).elements(as: Double.self)
    }
    let modes = try list("nodes_modes"), splits = try list("nodes_splits"), count = modes.count
    let features = try positions(node, "nodes_featureids", count: count)
    let yes = try positions(node, "nodes_truenodeids", count: count)
    let no = try positions(node, "nodes_falsenodeids", count: count)
    let yesIsLeaf = try positions(node, "nodes_trueleafs", count: count)
    let noIsLeaf = try positions(node, "nodes_falseleafs", count: count)
    let missing = node.exactInts("nodes_missing_value_tracks_true").flatMap { $0.isEmpty ? nil : $0 }
    guard splits.count == count, missing.map({ $0.count == count }) ?? true else {
      throw node.error("the attributes of the nodes differ in length")
    }
    // The members of each set stand in one list, sets parted by NaN.
    let members = try node.tensor("membership_values") == nil ? [] : list("membership_values")
    let sets = members.split(omittingEmptySubsequences: false) { $0.isNaN }.map { Set($0) }
    var setCount = 0
    func child(_ position: Int32, _ isLeaf: Int32) throws -> Int32 {
      guard position >= 0 else { throw node.error("a tree refers to node \(position)") }
      return isLeaf != 0 ? ~position : position
    }
    let branches = try (0..<count).map { index in
      guard let test = Forest.Test(rawValue: UInt8(exactly: modes[index]) ?? .max) else {
        throw node.error("there is no mode \(modes[index]) of a tree's node")
      }
      var threshold = splits[index]
      if test == .member {
        guard setCount < sets.count else {
          throw node.error("there are fewer sets of members than nodes that ask")
        }
        threshold = Double(setCount)
        setCount += 1
      }
      return Forest.Branch(
        threshold: threshold, feature: features[index], yes: try child(yes[index], yesIsLeaf[index]),
        no: try child(no[index], noIsLeaf[index]), test: test, takesMissing: missing?[index] == 1)
    }
    let targets = try positions(node, "leaf_targetids"), weights = try list("leaf_weights")
    guard weights.count == targets.count else {
      throw node.error("there are \(weights.count) weights of \(targets.count) leaves")
    }
    let leaves = zip(targets, weights).map { [Forest.Vote(target: $0, weight: $1)] }
    let roots = try positions(node, "tree_roots").map { try child($0, 0) }
    do { return try Forest(roots: roots, branches: branches, leaves: leaves, sets: sets) } catch {
      throw node.placed(error)
    }
  }
}
