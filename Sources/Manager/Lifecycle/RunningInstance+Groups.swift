import Linux
import Logging

/// The control groups of NFs.
extension RunningInstance {
    /// Nil where the host has none that can be used: NFs then have their resource limits only.
    func makeGroups() throws -> DomainGroups? {
        let plan = ControlGroupPlan.find(instance: options.topology.instance)
        for (controller, reason) in plan.missing.sorted(by: { $0.key < $1.key }) {
            log.warning("NFs run without limits of their \(Self.meaning(of: controller)): no \(controller) control group: \(reason)")
        }
        guard !plan.trees.isEmpty else { return nil }
        // Before they are made: a manager that is killed leaves nothing that `cleanup` does not know.
        state.controlGroups = plan.trees
        try directory.write(state)
        let groups = DomainGroups(plan.trees) { tree, error in
            let what = tree.controllers.map(Self.meaning).joined(separator: ", ")
            log.warning("NFs run without limits of their \(what): \(error)")
        }
        self.groups = groups
        return groups
    }

    private static func meaning(of controller: String) -> String {
        switch controller {
        case "cpu": "share of the CPU"
        case "memory": "memory as a whole"
        default: "processes"
        }
    }
}
