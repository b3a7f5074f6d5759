import com.netflix.fenzo.ConstraintEvaluator;
import com.netflix.fenzo.SchedulingResult;
import com.netflix.fenzo.TaskAssignmentResult;
import com.netflix.fenzo.TaskRequest;
import com.netflix.fenzo.TaskScheduler;
import com.netflix.fenzo.VMAssignmentResult;
import com.netflix.fenzo.VMTaskFitnessCalculator;
import com.netflix.fenzo.VirtualMachineLease;
import com.netflix.fenzo.plugins.BinPackingFitnessCalculators;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.apache.mesos.Protos;

/**
 * Fenzo on the bench's workload. Arguments: the file of task sizes (cores, one a line), hosts, cores of each, good-enough, tasks a pass, most
 * passes. Prints one line of JSON. As in Fenzo's own TestLotsOfTasks what is left of a used host comes back as a new offer with the next pass.
 *
 * In its favour: scheduleOnce alone is timed, not the making of offers nor the assigner; shortfall is not evaluated, as ours is not asked for it; and
 * no offers are rejected for their age, since its search for those walks over all hosts for each idle host (a second a pass at 10,000 hosts).
 */
public final class FenzoBench {
  private static final double MEMORY_MB_PER_CORE = 1000;

  public static void main(String[] arguments) throws Exception {
    List<String> sizes = Files.readAllLines(Path.of(arguments[0]));
    int hosts = Integer.parseInt(arguments[1]);
    int cores = Integer.parseInt(arguments[2]);
    double goodEnough = Double.parseDouble(arguments[3]);
    int perPass = Integer.parseInt(arguments[4]);
    int passes = Integer.parseInt(arguments[5]);
    // Lets the compiler see the hot code before it is timed.
    run(sizes.subList(0, Math.min(sizes.size(), 40 * perPass)), 200, cores, goodEnough, perPass, 60);
    System.out.println(run(sizes, hosts, cores, goodEnough, perPass, passes));
    System.exit(0);
  }

  private static String run(List<String> sizes, int hosts, int cores, double goodEnough, int perPass, int passes) throws IOException {
    TaskScheduler scheduler =
        new TaskScheduler.Builder()
            .disableShortfallEvaluation()
            .withLeaseOfferExpirySecs(1_000_000)
            .withMaxOffersToReject(0)
            .withLeaseRejectAction(lease -> {})
            .withFitnessCalculator(BinPackingFitnessCalculators.cpuBinPacker)
            .withFitnessGoodEnoughFunction(fitness -> fitness >= goodEnough)
            .build();
    List<VirtualMachineLease> leases = new ArrayList<>();
    for (int at = 0; at < hosts; at++) leases.add(new Host(String.format("host-%06d", at), cores));
    Map<String, Double> freeCores = new HashMap<>();
    for (VirtualMachineLease lease : leases) freeCores.put(lease.hostname(), lease.cpuCores());
    scheduler.scheduleOnce(Collections.emptyList(), leases);
    List<VirtualMachineLease> offers = new ArrayList<>();
    List<TaskRequest> waiting = new ArrayList<>();
    for (int at = 0; at < sizes.size(); at++) waiting.add(new Task("task-" + at, Double.parseDouble(sizes.get(at))));
    List<TaskRequest> left = new ArrayList<>();
    List<Double> times = new ArrayList<>();
    double used = 0;
    int placed = 0;
    int next = 0;
    while (times.size() < passes) {
      if (next >= waiting.size()) {
        // What found no place is tried until a whole round brings nothing.
        if (left.isEmpty() || left.size() == waiting.size()) break;
        waiting = left;
        left = new ArrayList<>();
        next = 0;
      }
      List<TaskRequest> batch = waiting.subList(next, Math.min(next + perPass, waiting.size()));
      next += batch.size();
      long start = System.nanoTime();
      SchedulingResult result = scheduler.scheduleOnce(batch, offers);
      times.add((System.nanoTime() - start) / 1e6);
      Set<String> done = new HashSet<>();
      for (Map.Entry<String, VMAssignmentResult> entry : result.getResultMap().entrySet())
        for (TaskAssignmentResult assigned : entry.getValue().getTasksAssigned()) {
          scheduler.getTaskAssigner().call(assigned.getRequest(), entry.getKey());
          done.add(assigned.getTaskId());
          used += assigned.getRequest().getCPUs();
        }
      offers = new ArrayList<>();
      for (Map.Entry<String, VMAssignmentResult> entry : result.getResultMap().entrySet()) {
        double free = freeCores.get(entry.getKey());
        for (TaskAssignmentResult assigned : entry.getValue().getTasksAssigned()) free -= assigned.getRequest().getCPUs();
        freeCores.put(entry.getKey(), free);
        if (free > 0) offers.add(new Host(entry.getKey(), free));
      }
      placed += done.size();
      for (TaskRequest task : batch) if (!done.contains(task.getId())) left.add(task);
    }
    double[] sorted = times.stream().mapToDouble(Double::doubleValue).sorted().toArray();
    System.gc();
    Runtime runtime = Runtime.getRuntime();
    double heapMb = (runtime.totalMemory() - runtime.freeMemory()) / 1048576.0;
    String line =
        String.format(
            "{\"placed\":%d,\"milliseconds\":%.3f,\"p99Ms\":%.3f,\"full\":%.9f,\"heapMb\":%.1f,\"peakMb\":%.1f,\"passes\":%d}",
            placed, Arrays.stream(sorted).sum(), sorted[Math.min(sorted.length - 1, (int) (0.99 * sorted.length))], used / ((double) hosts * cores), heapMb, peakMb(), sorted.length);
    scheduler.shutdown();
    return line;
  }

  /** Most that this process ever had resident. */
  private static double peakMb() throws IOException {
    for (String line : Files.readAllLines(Path.of("/proc/self/status")))
      if (line.startsWith("VmHWM:")) return Double.parseDouble(line.replaceAll("[^0-9]", "")) / 1024;
    return 0;
  }

  private static final class Task implements TaskRequest {
    private final String id;
    private final double cpus;
    private AssignedResources assigned;

    Task(String id, double cpus) {
      this.id = id;
      this.cpus = cpus;
    }

    @Override public String getId() { return id; }
    @Override public String taskGroupName() { return ""; }
    @Override public double getCPUs() { return cpus; }
    @Override public double getMemory() { return cpus * MEMORY_MB_PER_CORE; }
    @Override public double getNetworkMbps() { return 0; }
    @Override public double getDisk() { return 1; }
    @Override public int getPorts() { return 0; }
    @Override public Map<String, Double> getScalarRequests() { return Collections.emptyMap(); }
    @Override public Map<String, NamedResourceSetRequest> getCustomNamedResources() { return Collections.emptyMap(); }
    @Override public List<? extends ConstraintEvaluator> getHardConstraints() { return Collections.emptyList(); }
    @Override public List<? extends VMTaskFitnessCalculator> getSoftConstraints() { return Collections.emptyList(); }
    @Override public void setAssignedResources(AssignedResources resources) { assigned = resources; }
    @Override public AssignedResources getAssignedResources() { return assigned; }
  }

  private static final class Host implements VirtualMachineLease {
    private static int made = 0;
    private final String id = "offer-" + made++;
    private final String name;
    private final double cores;

    Host(String name, double cores) {
      this.name = name;
      this.cores = cores;
    }

    @Override public String getId() { return id; }
    @Override public long getOfferedTime() { return System.currentTimeMillis(); }
    @Override public String hostname() { return name; }
    @Override public String getVMID() { return name; }
    @Override public double cpuCores() { return cores; }
    @Override public double memoryMB() { return cores * MEMORY_MB_PER_CORE; }
    @Override public double networkMbps() { return 0; }
    @Override public double diskMB() { return 1000; }
    @Override public List<Range> portRanges() { return Collections.emptyList(); }
    @Override public Protos.Offer getOffer() { return null; }
    @Override public Map<String, Protos.Attribute> getAttributeMap() { return Collections.emptyMap(); }
    @Override public Double getScalarValue(String name) { return 0.0; }
    @Override public Map<String, Double> getScalarValues() { return Collections.emptyMap(); }
  }
}
