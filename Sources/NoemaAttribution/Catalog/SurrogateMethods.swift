internal import NoemaGraph

extension MethodDescription {
  static let surrogates: [MethodDescription] = [
    MethodDescription(
      "lime-tabular", .surrogates, "A sparse linear model around a row.", paper: "Ribeiro et al. 2016",
      needs: "training rows (--references)", cost: "5000 × 1 forward"
    ) { settings throws(GraphError) in
      guard !settings.references.isEmpty else {
        throw GraphError(.input("lime-tabular needs training rows; give them with --references"))
      }
      return LIMETabular(
        training: settings.references, samples: settings.samples ?? 5_000, seed: settings.seed)
    },
    MethodDescription(
      "lime-image", .surrogates, "A linear model of which superpixels are there.",
      paper: "Ribeiro et al. 2016",
      needs: "images", cost: "1000 × 1 forward"
    ) { LIMEImage(samples: $0.samples ?? 1_000, seed: $0.seed) },
    MethodDescription(
      "lime-groups", .surrogates, "A linear model of which groups are there.", paper: "Ribeiro et al. 2016",
      needs: "groups (--groups); --baseline or --references", cost: "5000 × 1 forward"
    ) { settings throws(GraphError) in
      // Without them each pixel would be a group, and the fit of as many weights would mean nothing.
      guard let groups = settings.groups else {
        throw GraphError(.input("lime-groups needs the groups; give them with --groups"))
      }
      return LIMEGroups(
        groups: FeatureGroups(masks: groups), background: settings.background,
        samples: settings.samples ?? 5_000, seed: settings.seed)
    },
    MethodDescription(
      "maple", .surrogates, "A linear model on the neighbours that a forest finds.",
      paper: "Plumb et al. 2018",
      needs: "training rows (--references)", cost: "1 forward for each training row, once"
    ) { settings throws(GraphError) in
      guard !settings.references.isEmpty else {
        throw GraphError(.input("maple needs training rows; give them with --references"))
      }
      return MAPLE(training: settings.references, seed: settings.seed)
    },
  ]
}
