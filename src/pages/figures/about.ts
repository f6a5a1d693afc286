// What each figure is, in a sentence, and where on the page it stands.

export interface FigureSection {
  readonly id: string;
  readonly title: string;
  readonly text: string;
  /** Name of a figure, and what it is. */
  readonly figures: Readonly<Record<string, string>>;
}

export const FIGURE_SECTIONS: readonly FigureSection[] = [
  {
    id: 'start',
    title: 'Start',
    text: 'What somebody waits for who opens the app, and the size of what the browser has to fetch for that.',
    figures: {
      first_paint_ms: 'From the address to the first text on the screen.',
      time_to_interactive_ms: 'From the address to a page that answers, with nothing pending.',
      scenario_link_ready_ms:
        'The same for a link to a scenario: worker started, run computed, maps painted.',
      first_load_js_gzip_bytes: 'All scripts that a first visit fetches, after gzip.',
      scenario_link_js_gzip_bytes: 'All scripts that a link to a scenario fetches, both workers with them.',
      open_768g_ms: 'Booting the machine with 512 GiB of system memory and four times 64 GiB on its GPUs.',
      open_768g_bytes: 'State of that machine before any page is touched.',
    },
  },
  {
    id: 'throughput',
    title: 'Migrating and pinning',
    text: 'A million pages go to a device, and a long-term pin brings all of them home, with trace and time travel on.',
    figures: {
      migrate_pin_home_ns_per_page: 'There and back, for each page.',
      migrate_pin_home_pages_per_s: 'The same as pages a second.',
      migrate_pin_home_wall_ms: 'The same for all pages, with all that the machine did besides.',
      floor_ns_per_page:
        'The least that any way of doing it costs: plain stores of 16 bytes of state and a record of 32 bytes, a page and direction, into memory that was not used before. Most of it is what the first touch of that memory costs.',
      migrate_pin_home_vs_floor: 'How many times that floor the simulation needs.',
      migrate_pin_home_bytes_per_page: 'State and history that one page leaves.',
      migrate_pin_home_events_per_page: 'Trace records that one page leaves.',
      worker_longest_block_ms:
        'Longest time for which the simulation answers no question while all this is done, permissions are changed, pages are looked at one by one, memory is swapped out, a process dies for want of it, and GPUs move, share, fill and evict memory; a map follows it.',
      worker_longest_turn_ms: 'Of that: the longest piece of work on the steps and the pictures of the map.',
      worker_longest_answer_ms: 'Of that: the longest answer to a question that was asked in between.',
      worker_longest_open_ms:
        'Beside that: the longest time to boot one of these machines, in one piece, before anything can be asked; most with GPUs, whose struct pages lie in system memory.',
      frontier_pages: 'The workload over eight GPUs of a Frontier node: pages that processes have in VRAM.',
      frontier_pages_moved: 'The same: pages that moved, to VRAM and home for the pins of the checkpoint.',
      frontier_pages_moved_per_s: 'The same: pages moved a second.',
      frontier_ms: 'The same: all of it.',
      frontier_cpu_ns_per_page: 'The same: processor time for each page.',
      frontier_state_bytes_per_page: 'The same: state at the end, for each page.',
      frontier_history_bytes_per_page: 'The same: what going back needs, for each page.',
      frontier_memory_bytes: 'The same: memory of the process at its highest, above what it had before.',
      frontier_pin_moving_simulated_ms:
        'Simulated: what it cost to move pages home before they were pinned, with pins kept for an iteration.',
      frontier_pin_far_access_simulated_ms: 'Simulated: what GPUs then lost with those pages far away.',
      frontier_pin_held_pages: 'Pages in VRAM that could not have left it, had the pins stayed there.',
    },
  },
  {
    id: 'time-travel',
    title: 'Time travel',
    text: 'An event is one record of the trace. Every position can be gone to, forward and back.',
    figures: {
      seek_1m_p50_ms: 'Going to any position of a million events: half of the times.',
      seek_1m_p95_ms: 'The same: 95 of 100 times.',
      seek_1m_max_ms: 'The same: the slowest.',
      seek_10m_p50_ms: 'Going to any position of ten million events: half of the times.',
      seek_10m_p95_ms: 'The same: 95 of 100 times.',
      seek_10m_max_ms: 'The same: the slowest.',
      step_back_p95_ms: 'One event back.',
      timeline_10m_bytes: 'All that is kept for ten million events.',
      timeline_bytes_per_event: 'What is kept for one event.',
    },
  },
  {
    id: 'maps',
    title: 'Maps',
    text: 'At 1440x900, in a browser without a GPU, while pages migrate on the node with 768 GiB, all memory in sight. The painter reports each picture with a number made from its pixels; the page looks at its canvases now and then, and has to find the same.',
    figures: {
      migrating_pages: 'Pages that went to the device and were pinned home while this was measured.',
      migrating_ms: 'How long that took, with everything on the page following it.',
      main_longest_task_ms:
        'Longest time for which the page answers no input; of three rounds, the one that others on the machine disturbed least.',
      main_longest_task_worst_round_ms: 'The same, of the round that was disturbed most.',
      main_longest_task_cpu_ms:
        'What the page itself computed for its longest task meanwhile: the rest of the time above it waits for a processor.',
      map_frame_p95_ms: 'Painting one picture of the maps.',
      map_pictures_per_s:
        'Pictures a second that differ from the one before, from the first to the last one of each step.',
      map_pictures_per_s_of_steps:
        'Pictures that differ from all others of their step, a second from the Enter key until all stands.',
      map_picture_interval_p95_ms: 'Time from one picture to the next.',
      map_pictures_seen_by_page: 'Different pictures that the page found on its canvases when it looked.',
      map_pictures_seen_but_not_reported: 'Of those, pictures that the painter had not reported; none.',
      map_zoom_frame_p95_ms: 'Time between frames of the page while somebody zooms.',
      map_zoom_paint_p95_ms: 'Painting the maps anew while somebody zooms.',
      frontier_page_pages: 'Pages of the workload over eight GPUs of a Frontier node, run on the page.',
      frontier_page_ms: 'How long that took, with everything on the page following it.',
      frontier_page_longest_task_ms: 'Longest time for which the page answered no input meanwhile.',
      frontier_page_longest_task_worst_round_ms: 'The same, of the round that was disturbed most.',
      frontier_page_longest_task_cpu_ms:
        'The same in processor time, of the middle one of traced rounds: without waiting for a processor.',
      input_latency_p95_ms: 'From a key or a click to the next paint: 40 of them, each while a scene plays.',
    },
  },
  {
    id: 'peers',
    title: 'What other approaches cost',
    text: 'The same work done as it is often done. Each peer is checked to end in the same state.',
    figures: {
      objects_ns_per_page: 'One object a page and one record object a change: time for a page.',
      objects_bytes_per_page: 'One object a page: state and history of a page.',
      migrate_pin_home_vs_objects:
        'How many times faster the columns are than objects, garbage collection included.',
      migrate_pin_home_first_run_vs_objects:
        'The same in the first round, in which the engine still compiles what runs.',
      heap_vs_objects: 'Heap of the columns as a part of that of the objects.',
      immer_ns_per_page: 'Immutable state with immer: time for a page, at 1\u202f024 pages.',
      migrate_pin_home_vs_immer: 'How many times faster the columns are than immer.',
      svg_10k_create_ms: 'A map of 10\u202f000 cells as SVG nodes: making them.',
      svg_10k_frame_p95_ms: 'The same: a frame in which a hundred cells change.',
      svg_10k_pictures_per_s: 'The same: pictures a second.',
      svg_10k_zoom_frame_p95_ms: 'The same: a frame in which somebody zooms.',
      svg_10k_longest_task_ms: 'The same: longest time for which the page answers no input.',
    },
  },
  {
    id: 'growth',
    title: 'Growth',
    text: 'How the figures grow with the work, as a power of it. An exponent of 1 is linear: twice the work takes twice as long. 0 is constant.',
    figures: {
      growth_pages_time_exponent: 'Time to migrate and pin, by the number of pages.',
      growth_pages_bytes_exponent: 'Memory for that, by the number of pages.',
      growth_pages_detail_time_exponent:
        'Time of steps with every detail in the trace, by the number of pages.',
      growth_pages_detail_bytes_exponent: 'Memory of such steps, by the number of pages.',
      growth_events_seek_exponent: 'Going to a position, by the number of events.',
      growth_events_bytes_exponent: 'What is kept, by the number of events.',
    },
  },
  {
    id: 'leaks',
    title: 'Nothing left behind',
    text: 'What is still in memory when all is closed again.',
    figures: {
      left_after_1000_runs_bytes: 'After a thousand runs of a scenario.',
      left_after_machines_bytes: 'After machines were loaded and unloaded.',
      left_after_1m_seeks_bytes: 'After a million seeks.',
      left_after_refused_steps_bytes: 'After steps that were refused.',
    },
  },
];

/** What a line of a plot shows. */
export const SERIES_WORDS: Readonly<Record<string, string>> = {
  svg_zoom_frame_ms: 'a frame of a zoom, one SVG node a cell',
  svg_change_frame_ms: 'a frame in which a hundredth of the cells change, one SVG node a cell',
  map_zoom_paint_ms: 'painting the maps of all memory during a zoom',
  growth_pages_time: 'migrating and pinning home',
  growth_pages_bytes: 'what that leaves',
  growth_pages_detail_time: 'migrating and pinning home, every event in the trace',
  growth_pages_detail_bytes: 'what that leaves, every event in the trace',
  growth_events_seek_p95: 'going to any position, 95 of 100 times',
  growth_events_bytes: 'what is kept of the events',
};

/** What the height of a plot is, by its unit. */
export const AXIS_WORDS: Readonly<Record<string, string>> = {
  ms: 'Time in milliseconds',
  bytes: 'Memory in bytes',
};
